# The demo's detector on digits of which the 0 is 50 times as frequent as the 9. The data are written by
# python -m mmdet_multimix.datasets.digits_detection data/digits_longtail --num-train 300 --imbalance 50
_base_ = './faster_rcnn_tiny_digits.py'
data_root = 'data/digits_longtail/'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator
