_base_ = './ssd_tiny_digits.py'
model = dict(bbox_head=dict(type='MultiMixSSDHead'))
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
