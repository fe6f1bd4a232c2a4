# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet50_imagenet_ce_short.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
