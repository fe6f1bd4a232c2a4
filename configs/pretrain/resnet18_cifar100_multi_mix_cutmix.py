_base_ = './resnet18_cifar100_ce.py'

model = dict(method=dict(type='CutMix', alpha=1.0, K=5))
