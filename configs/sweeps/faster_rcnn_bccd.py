# What tools/sweep.py trains on BCCD: from scratch, 300 iterations, however many images there are.
_base_ = '../transfer/faster_rcnn_bccd.py'
model = dict(roi_head=dict(bbox_head=dict(type='MultiMixShared2FCBBoxHead', multimix=dict(loss_weight=0.3))))
train_dataloader = dict(sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True))
max_iters = 300
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=100, end=max_iters, T_max=200),
]
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=100, max_keep_ckpts=2),
    multimix=dict(type='MultiMixScheduleHook', by_epoch=False),
)
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='IterSeedHook')]
