_base_ = './resnet50_imagenet_ce_short.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
