# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet18_slim_cifar10_ce.py'

model = dict(head=dict(type='DenseMultiMixHead', multimix=dict(setting='short')))
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
