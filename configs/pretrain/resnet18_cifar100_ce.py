_base_ = [
    '../_base_/models/resnet18_cifar_cls.py',
    '../_base_/datasets/cifar100_cls.py',
    '../_base_/schedules/cifar_2000e.py',
    '../_base_/default_runtime_cls.py',
]
model = dict(
    # Of CIFAR-100's training images.
    data_preprocessor=dict(mean=[129.304, 124.070, 112.434], std=[68.170, 65.392, 70.418]),
    head=dict(num_classes=100),
)
# Writing a checkpoint takes as long as several iterations.
default_hooks = dict(checkpoint=dict(interval=10))
