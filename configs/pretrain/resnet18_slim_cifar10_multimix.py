_base_ = './resnet18_slim_cifar10_ce.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
