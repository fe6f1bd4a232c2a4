# What configs/sweeps/signal_digits.py trains: the detector of the other sweeps, with what its trials need.
_base_ = './faster_rcnn_digits.py'
_trials = ['experiments.common_part', 'experiments.label_smoothing', 'experiments.trial_hooks']
custom_imports = dict(imports=['mmdet_multimix', *_trials])
model = dict(roi_head=dict(bbox_head=dict(multimix=dict(among='foreground', loss_weight=0.5))))
# Each of the last three changes nothing until a setting asks for it.
custom_hooks = [
    dict(type='CheckInvalidLossHook', interval=50),
    dict(type='CommonPartHook', kept=1.0),
    dict(type='NarrowingHook', start=None),
    dict(type='SecondTermHook', share=0.0),
]
