# What configs/sweeps/signal_retinanet.py trains: RetinaNet on a ResNet-18 a quarter as wide, with the hook.
_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py',
    '../_base_/datasets/digits_detection.py',
    'mmdet::_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[64.0, 64.0, 64.0]),
    backbone=dict(depth=18, base_channels=16, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=32, start_level=0, num_outs=4),
    bbox_head=dict(
        num_classes=10,
        in_channels=32,
        feat_channels=32,
        stacked_convs=2,
        anchor_generator=dict(strides=[4, 8, 16, 32]),
    ),
)
max_iters = 400
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
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
custom_hooks = [
    dict(type='CheckInvalidLossHook', interval=50),
    dict(type='MultiMixHook', among='foreground', loss_weight=0.5, by_epoch=False),
]
randomness = dict(seed=0)
