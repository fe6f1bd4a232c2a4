_base_ = './resnet50_imagenet_ce.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='paper')))
