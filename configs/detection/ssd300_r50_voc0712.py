# SSD300 R50 on Pascal VOC 07+12, 120,000 iterations of batch 32, for k GPUs 32 / k each.
_base_ = [
    '../_base_/models/ssd300_r50.py',
    '../_base_/datasets/voc0712_ssd300.py',
    '../_base_/schedules/voc_120k.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

model = dict(bbox_head=dict(num_classes=20, anchor_generator=dict(basesize_ratio_range=(0.2, 0.9))))
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=120000, milestones=[80000, 100000], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=32)
