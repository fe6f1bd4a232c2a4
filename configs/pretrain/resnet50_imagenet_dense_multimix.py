_base_ = './resnet50_imagenet_ce.py'

model = dict(head=dict(type='DenseMultiMixHead', multimix=dict(setting='paper')))
