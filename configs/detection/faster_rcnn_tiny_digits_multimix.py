_base_ = './faster_rcnn_tiny_digits.py'
# Stronger than the default; the demo reports this setting.
model = dict(
    roi_head=dict(
        bbox_head=dict(type='MultiMixShared2FCBBoxHead', multimix=dict(among='all', loss_weight=0.3))
    )
)
# Logs how much the mixed term teaches.
default_hooks = dict(multimix=dict(type='MultiMixScheduleHook'))
