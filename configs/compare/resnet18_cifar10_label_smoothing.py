# Of cifar10.py: the simplest rival of mixing.
_base_ = '../pretrain/resnet18_cifar10_ce_short.py'
custom_imports = dict(imports=['mmdet_multimix', 'experiments.label_smoothing'])
model = dict(head=dict(type='LabelSmoothingClsHead'))
