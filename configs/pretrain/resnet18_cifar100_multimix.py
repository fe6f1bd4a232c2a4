_base_ = './resnet18_cifar100_ce.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='paper')))
