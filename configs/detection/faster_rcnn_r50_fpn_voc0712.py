# Faster R-CNN R50-FPN on Pascal VOC 07+12, 120,000 iterations of batch 8, for k GPUs 8 / k each.
_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    '../_base_/datasets/voc0712.py',
    '../_base_/schedules/voc_120k.py',
]
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='MultiMixPretrained',
            checkpoint='work_dirs/resnet50_imagenet_ce/backbone.pth',
        )
    ),
    roi_head=dict(bbox_head=dict(num_classes=20)),
)
