# The demo's detector as configs/transfer/digits.py trains it. Images are normalised as in the backbone's
# pretraining. A resumed run ends where an unbroken one does.
_base_ = '../detection/faster_rcnn_tiny_digits.py'
model = dict(data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))
train_cfg = dict(val_interval=600)
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [dict(type='CheckInvalidLossHook', interval=50), dict(type='IterSeedHook')]
