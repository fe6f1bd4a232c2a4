# Of digits.py: the simplest rival of mixing.
_base_ = '../pretrain/resnet_tiny_digits_ce.py'
custom_imports = dict(imports=['mmdet_multimix', 'experiments.label_smoothing'])
model = dict(head=dict(type='LabelSmoothingClsHead'))
