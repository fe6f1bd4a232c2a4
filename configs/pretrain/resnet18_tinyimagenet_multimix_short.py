_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
