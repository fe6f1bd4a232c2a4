_base_ = './resnet_tiny_digits_ce.py'

model = dict(method=dict(type='InputMixup', alpha=1.0, K=5))
