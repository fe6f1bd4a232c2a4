_base_ = './resnet_tiny_digits_ce.py'

model = dict(head=dict(type='MultiMixHead', multimix=dict(setting='short')))
