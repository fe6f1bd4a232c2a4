_base_ = [
    '../_base_/models/resnet18_cifar_cls.py',
    '../_base_/datasets/cifar10_cls.py',
    '../_base_/schedules/cifar_2000e.py',
    '../_base_/default_runtime_cls.py',
]
# Writing a checkpoint takes as long as several iterations.
default_hooks = dict(checkpoint=dict(interval=10))
