_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(method=dict(type='CutMix', alpha=1.0, K=5))
