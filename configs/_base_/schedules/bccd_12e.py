# 12 epochs of 37 iterations on BCCD, evaluated at the end. A resumed run ends where an unbroken one does.
_base_ = 'mmdet::_base_/default_runtime.py'
max_epochs = 12
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=True, begin=0, end=max_epochs, T_max=max_epochs),
]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=1, max_keep_ckpts=2))
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='EpochSeedHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
