# Of signal_longtail.py: a sampler whose settings fit that of images by class as well.
_base_ = './faster_rcnn_digits.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='InfiniteSampler'))
