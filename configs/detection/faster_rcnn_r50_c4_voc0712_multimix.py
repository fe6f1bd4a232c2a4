_base_ = './faster_rcnn_r50_c4_voc0712.py'
_backbone = dict(checkpoint='work_dirs/resnet50_imagenet_multimix/backbone.pth')
model = dict(
    backbone=dict(init_cfg=_backbone),
    roi_head=dict(
        shared_head=dict(init_cfg=_backbone),
        bbox_head=dict(type='MultiMixBBoxHead'),
    ),
)
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
