_base_ = './resnet18_tinyimagenet_ce.py'

model = dict(method=dict(type='CutMix', alpha=1.0))
