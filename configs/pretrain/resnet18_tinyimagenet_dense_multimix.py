_base_ = './resnet18_tinyimagenet_ce.py'

model = dict(head=dict(type='DenseMultiMixHead', multimix=dict(setting='paper')))
