# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(method=dict(type='InputMixup', alpha=1.0))
