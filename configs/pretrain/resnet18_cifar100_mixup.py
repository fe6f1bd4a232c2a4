_base_ = './resnet18_cifar100_ce.py'

model = dict(method=dict(type='InputMixup', alpha=1.0))
