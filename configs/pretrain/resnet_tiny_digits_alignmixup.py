_base_ = './resnet_tiny_digits_ce.py'

model = dict(method=dict(type='AlignMixup', alpha=2.0))
