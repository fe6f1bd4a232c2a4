_base_ = [
    '../_base_/models/resnet18_cifar_cls.py',
    '../_base_/datasets/tinyimagenet_cls.py',
    '../_base_/schedules/tinyimagenet_1200e.py',
    '../_base_/default_runtime_cls.py',
]
model = dict(
    # Of ImageNet. The stem for small images leaves 8x8 positions of an image of 64 pixels.
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    head=dict(num_classes=200),
)
default_hooks = dict(checkpoint=dict(interval=10))
