# What configs/sweeps/signal_cards.py trains: photographs of playing cards, from a backbone of ImageNet, as
# people fine-tune. For the data, cards as Pascal VOC in data/cards:
#     python tools/prepare_dataset.py data/cards
_base_ = ['../_base_/models/faster_rcnn_lite0.py', 'mmdet::_base_/default_runtime.py']
custom_imports = dict(imports=['mmdet_multimix', 'experiments.label_smoothing'], allow_failed_imports=False)
data_root = 'data/cards_coco/'
classes = ('ace', 'jack', 'king', 'nine', 'queen', 'ten')
dataset = dict(
    type='CocoDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
    data_prefix=dict(img='../cards/'),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(256, 192), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(256, 192), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,  # on a machine without a GPU a worker would take a core from the training
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(**dataset, ann_file='train.json', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, ann_file='test.json', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'test.json', metric='bbox')
test_evaluator = val_evaluator
model = dict(
    roi_head=dict(
        bbox_head=dict(
            type='MultiMixShared2FCBBoxHead',
            num_classes=6,
            multimix=dict(among='foreground', loss_weight=0.5),
        )
    )
)
max_iters = 300
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=10, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=30, end=max_iters, T_max=max_iters - 30),
]
default_hooks = dict(
    logger=dict(interval=10, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=50, max_keep_ckpts=2),
    multimix=dict(type='MultiMixScheduleHook', by_epoch=False),
)
log_processor = dict(by_epoch=False)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='IterSeedHook')]
randomness = dict(seed=0)
