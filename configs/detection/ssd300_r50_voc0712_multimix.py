_base_ = './ssd300_r50_voc0712.py'
model = dict(
    backbone=dict(init_cfg=dict(checkpoint='work_dirs/resnet50_imagenet_multimix/backbone.pth')),
    bbox_head=dict(type='MultiMixSSDHead'),
)
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
