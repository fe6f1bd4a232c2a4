# Faster R-CNN on Pascal VOC as in the CutMix paper (ICCV 2019, section 4.3): 120,000 iterations of batch 8.
# The warm-up and the weight decay are mmdet's.
_base_ = 'mmdet::_base_/default_runtime.py'
max_iters = 120000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=max_iters, milestones=[100000], gamma=0.1),
]
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=5000, max_keep_ckpts=2),
)
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='IterSeedHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
