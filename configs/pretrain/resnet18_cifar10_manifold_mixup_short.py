# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet18_cifar10_ce_short.py'

model = dict(method=dict(type='ManifoldMixup', alpha=2.0))
