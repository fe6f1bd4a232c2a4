_base_ = './resnet_tiny_digits_ce.py'

model = dict(head=dict(type='DenseMultiMixHead', multimix=dict(setting='short')))
