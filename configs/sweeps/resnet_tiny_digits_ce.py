# As when the tables of docs/roi_multimix.md were made: residual branches start as zeros, mmdet's default.
_base_ = '../pretrain/resnet_tiny_digits_ce.py'
model = dict(backbone=dict(zero_init_residual=True))
