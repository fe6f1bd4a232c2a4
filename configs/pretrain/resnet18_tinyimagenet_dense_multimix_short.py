_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(head=dict(type='DenseMultiMixHead', multimix=dict(setting='short')))
