# The pretraining of the tables in docs/roi_multimix.md: residual branches start as zeros, mmdet's default.
_base_ = '../pretrain/resnet_tiny_digits_ce.py'
model = dict(backbone=dict(zero_init_residual=True))
