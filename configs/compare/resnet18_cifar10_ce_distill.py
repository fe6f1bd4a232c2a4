# Of cifar10_teacher.py: the teacher that cifar10.py chose for Dense MultiMix, without mixing.
_base_ = '../pretrain/resnet18_cifar10_ce_short.py'
model = dict(method=dict(type='SelfDistillation', label_weight=0.8, teacher_weight=0.2))
default_hooks = dict(distillation=dict(type='SelfDistillationHook', momentum=0.01))
