# An experiment of tools/sweep.py: Dense MultiMix on the RoI maps of a two-stage detector.
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits_dense.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3

_multimix = 'model.roi_head.dense_multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'foreground, 0.1, ess 3': {_among: 'foreground', _weight: 0.1, _ess: 3},
    'foreground, 0.5, ess 3': {_among: 'foreground', _weight: 0.5, _ess: 3},
    'all, 0.1, ess 3': {_among: 'all', _weight: 0.1, _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _weight: 0.5, _ess: 3},
}
images = {50: None}
