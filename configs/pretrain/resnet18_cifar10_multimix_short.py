# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet18_cifar10_ce_short.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
