# SSD300 R18 on BCCD from scratch, half width, for machines without a GPU.
_base_ = ['../_base_/models/ssd300_r50.py', '../_base_/datasets/bccd.py', '../_base_/schedules/bccd_12e.py']
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

channels = (64, 128, 128, 128, 128, 128)
model = dict(
    backbone=dict(depth=18, base_channels=32, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=channels[:2], out_channels=channels),
    bbox_head=dict(
        in_channels=channels, num_classes=3, anchor_generator=dict(basesize_ratio_range=(0.2, 0.9))
    ),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='MinIoURandomCrop', min_ious=(0.5, 0.7, 0.9), min_crop_size=0.5),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4), clip_grad=dict(max_norm=5))
