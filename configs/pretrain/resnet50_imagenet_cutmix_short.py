# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet50_imagenet_ce_short.py'

model = dict(method=dict(type='CutMix', alpha=1.0))
