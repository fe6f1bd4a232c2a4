_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(method=dict(type='AlignMixup', alpha=2.0))
