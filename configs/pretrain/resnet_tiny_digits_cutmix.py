_base_ = './resnet_tiny_digits_ce.py'

model = dict(method=dict(type='CutMix', alpha=1.0))
