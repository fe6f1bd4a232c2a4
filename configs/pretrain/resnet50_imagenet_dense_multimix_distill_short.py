# From methods.yml by tools/make_configs.py: change it there.
_base_ = './resnet50_imagenet_dense_multimix_short.py'

model = dict(method=dict(type='SelfDistillation'))
default_hooks = dict(distillation=dict(type='SelfDistillationHook'))
