_base_ = './faster_rcnn_tiny_digits.py'
model = dict(roi_head=dict(type='DenseMultiMixRoIHead', dense_multimix=dict(n=200)))
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
