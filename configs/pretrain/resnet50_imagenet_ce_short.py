_base_ = './resnet50_imagenet_ce.py'

param_scheduler = [dict(type='MultiStepLR', milestones=[30, 60, 90], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=100)
