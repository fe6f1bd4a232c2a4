# Faster R-CNN on COCO as in jwyang/faster-rcnn.pytorch: batch 16, 6 epochs, a tenth of the rate after the
# fourth. The warm-up and the weight decay are mmdet's.
_base_ = 'mmdet::_base_/default_runtime.py'
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=6, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, begin=0, end=6, milestones=[4], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='EpochSeedHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=16)
