# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet18_cifar10_ce.py'

model = dict(method=dict(type='AlignMixup', alpha=2.0))
