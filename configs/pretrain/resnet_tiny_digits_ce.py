_base_ = [
    '../_base_/models/resnet_tiny_cls.py',
    '../_base_/datasets/digits_cls.py',
    '../_base_/schedules/digits_50e.py',
    '../_base_/default_runtime_cls.py',
]
# An epoch has 18 iterations.
default_hooks = dict(logger=dict(interval=18))
