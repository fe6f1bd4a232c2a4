# What tools/sweep.py trains on digits: the demo's detector, shorter, from a pretrained backbone.
_base_ = '../detection/faster_rcnn_tiny_digits_multimix.py'
max_iters = 400
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=50, end=max_iters, T_max=max_iters - 50),
]
default_hooks = dict(checkpoint=dict(save_best=None), multimix=dict(by_epoch=False))
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50)]
