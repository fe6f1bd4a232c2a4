# An experiment of tools/sweep.py: what was worth it in configs/sweeps/signal_cards.py with half as many
# photographs, and with all. configs/sweeps/faster_rcnn_cards.py says what it needs.
_base_ = '../_base_/experiments/rivals.py'
detector = 'faster_rcnn_cards.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'all, 0.5, ess 3': {_among: 'all', _ess: 3},
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _ess: 3},
    'label smoothing 0.1': _base_._smoothed[0.1],
}
images = {25: None, 296: None}
