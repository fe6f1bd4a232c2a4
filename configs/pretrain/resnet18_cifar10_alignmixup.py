_base_ = './resnet18_cifar10_ce.py'

model = dict(method=dict(type='AlignMixup', alpha=2.0))
