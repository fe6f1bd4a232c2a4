_base_ = './resnet18_tinyimagenet_ce.py'

max_epochs = 60
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=2, by_epoch=True),
    dict(type='CosineAnnealingLR', T_max=max_epochs - 2, begin=2, end=max_epochs, by_epoch=True),
]
train_cfg = dict(max_epochs=max_epochs)
