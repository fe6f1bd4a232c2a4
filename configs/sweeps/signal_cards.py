# An experiment of tools/sweep.py: tuples of few RoIs, of all, and their simplest rival, on photographs of
# playing cards of six classes that look alike. configs/sweeps/faster_rcnn_cards.py says what it needs.
_base_ = '../_base_/experiments/rivals.py'
detector = 'faster_rcnn_cards.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 5

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess, _alpha = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess', 'alpha'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'foreground, 0.5, ess 3': {_ess: 3},
    'foreground, 0.5, ess 5': {_ess: 5},
    "foreground, 0.5, the paper's alpha": {_alpha: '(0.5,2.0)'},
    'label smoothing 0.1': _base_._smoothed[0.1],
    'balanced, 0.5, ess 3': {_among: 'balanced', _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _ess: 3},
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _ess: 3},
}
# Of 296.
images = {50: None}
