# What configs/sweeps/signal_longtail.py trains: the detector of the other sweeps on long-tailed digits.
_base_ = './faster_rcnn_digits.py'
data_root = 'data/digits_longtail/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator
model = dict(roi_head=dict(bbox_head=dict(multimix=dict(among='class_balanced', loss_weight=0.5))))
