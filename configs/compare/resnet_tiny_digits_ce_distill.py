# Of digits.py: what a teacher does without mixing. It averages about 33 of the 300 iterations.
_base_ = '../pretrain/resnet_tiny_digits_ce.py'
model = dict(method=dict(type='SelfDistillation'))
default_hooks = dict(distillation=dict(type='SelfDistillationHook', momentum=0.03))
