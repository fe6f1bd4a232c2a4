_base_ = './faster_rcnn_tiny_digits.py'
model = dict(roi_head=dict(bbox_head=dict(type='MultiMixShared2FCBBoxHead')))
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
