# An experiment of tools/sweep.py: whether tuples of few RoIs help classes that are rare. For the data:
#     python -m mmdet_multimix.datasets.digits_detection data/digits_longtail --num-train 300 --imbalance 50
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits_longtail.py'
metric = 'coco/bbox_mAP'
frequencies = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'class_balanced, 0.5, ess 3': {_ess: 3},
    'balanced, 0.5, ess 3': {_among: 'balanced', _ess: 3},
}
images = {300: None}
