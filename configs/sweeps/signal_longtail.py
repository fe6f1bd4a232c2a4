# An experiment of tools/sweep.py: whether tuples of few RoIs help classes that are rare. For the data:
#     python -m mmdet_multimix.datasets.digits_detection data/digits_longtail --num-train 300 --imbalance 50
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits.py'
metric = 'coco/bbox_mAP'
frequencies = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3
_root = 'data/digits_longtail/'
options = {
    **{f'{name}_dataloader.dataset.data_root': _root for name in ('train', 'val', 'test')},
    **{f'{name}_evaluator.ann_file': f'{_root}annotations/val.json' for name in ('val', 'test')},
}

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _weight: 0.5, _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _weight: 0.5, _ess: 3},
}
images = {300: None}
