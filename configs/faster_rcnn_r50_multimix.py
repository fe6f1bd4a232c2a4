# Faster R-CNN R50-FPN on COCO, 1x: a backbone pretrained with MultiMix, MultiMix on the RoI embeddings.
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)

model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='MultiMixPretrained',
            checkpoint='work_dirs/resnet50_imagenet_multimix/backbone.pth',
        )
    ),
    roi_head=dict(bbox_head=dict(type='MultiMixShared2FCBBoxHead', multimix=dict(ess=3, loss_weight=0.5))),
)
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='EpochSeedHook')]
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
