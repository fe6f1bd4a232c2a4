# 600 iterations on the digits, evaluated at the end. A resumed run ends where an unbroken one does.
_base_ = 'mmdet::_base_/default_runtime.py'
max_iters = 600
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=50, end=max_iters, T_max=max_iters - 50),
]
default_hooks = dict(
    logger=dict(interval=20, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=200, max_keep_ckpts=2),
)
log_processor = dict(window_size=20, by_epoch=False)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='IterSeedHook')]
randomness = dict(seed=0)
