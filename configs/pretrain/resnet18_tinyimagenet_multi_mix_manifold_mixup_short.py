_base_ = './resnet18_tinyimagenet_ce_short.py'

model = dict(method=dict(type='ManifoldMixup', alpha=2.0, K=5))
