_base_ = './faster_rcnn_r50_fpn_coco.py'
model = dict(
    backbone=dict(init_cfg=dict(checkpoint='work_dirs/resnet50_imagenet_multimix/backbone.pth')),
    roi_head=dict(bbox_head=dict(type='MultiMixShared2FCBBoxHead')),
)
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
