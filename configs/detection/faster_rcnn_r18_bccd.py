# Faster R-CNN R18-FPN on BCCD from scratch, half width and 320 px, for machines without a GPU.
_base_ = [
    '../_base_/models/faster_rcnn_tiny.py',
    '../_base_/datasets/bccd.py',
    'mmdet::_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

model = dict(
    backbone=dict(base_channels=32),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=256, num_classes=3),
    ),
)
max_epochs = 12
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=2)
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
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=2, max_keep_ckpts=2, save_best='pascal_voc/mAP'),
)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50)]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
