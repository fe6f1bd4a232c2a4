# What configs/sweeps/signal_digits.py trains: the detector of the other sweeps, with what its trials need.
_base_ = './faster_rcnn_digits.py'
custom_imports = dict(imports=['mmdet_multimix', 'experiments.common_part', 'experiments.label_smoothing'])
model = dict(roi_head=dict(bbox_head=dict(multimix=dict(among='foreground', loss_weight=0.5))))
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='CommonPartHook', kept=1.0)]
