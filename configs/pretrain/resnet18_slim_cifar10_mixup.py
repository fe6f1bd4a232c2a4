_base_ = './resnet18_slim_cifar10_ce.py'

model = dict(method=dict(type='InputMixup', alpha=1.0))
