# Faster R-CNN R50-FPN on COCO, 6 epochs of batch 16, for k GPUs 16 / k each.
_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    'mmdet::_base_/datasets/coco_detection.py',
    '../_base_/schedules/coco_6e.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

# Every epoch starts new workers, so that a resumed run draws what an unbroken one would have drawn.
train_dataloader = dict(batch_size=16, num_workers=8, persistent_workers=False)
model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='MultiMixPretrained',
            checkpoint='work_dirs/resnet50_imagenet_ce/backbone.pth',
        )
    )
)
