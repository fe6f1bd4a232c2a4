_base_ = [
    '../_base_/models/resnet50_cls.py',
    '../_base_/datasets/imagenet_cls.py',
    '../_base_/schedules/imagenet_300e.py',
    '../_base_/default_runtime_cls.py',
]
