# An experiment of tools/sweep.py: where a mixed term that teaches pays, beside rivals and trials.
_base_ = '../_base_/experiments/rivals.py'
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits_signal.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 5

_head = 'model.roi_head.bbox_head'
_weight, _among = f'{_head}.multimix.loss_weight', f'{_head}.multimix.among'
_ess, _alpha = f'{_head}.multimix.ess', f'{_head}.multimix.alpha'
_kept, _start, _share = 'custom_hooks.1.kept', 'custom_hooks.2.start', 'custom_hooks.3.share'

# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    # Tuples with a signal.
    'foreground, 0.5, ess 3': {_ess: 3},
    'foreground, 1, ess 3': {_weight: 1, _ess: 3},
    'foreground, 2, ess 3': {_weight: 2, _ess: 3},
    'foreground, 0.5, ess 2': {_ess: 2},
    'foreground, 0.5, ess 5': {_ess: 5},
    'foreground, 0.5, ess 10': {_ess: 10},
    'all, 0.5, ess 3': {_among: 'all', _ess: 3},
    'all, 2, ess 3': {_among: 'all', _weight: 2, _ess: 3},
    # A pull to the prior of the foreground, and what does it without mixing.
    "foreground, 0.5, the paper's alpha": {_alpha: '(0.5,2.0)'},
    'foreground, 0.5, uniform tuples': {_ess: 1e6},
    'plain, foreground weighs 1.5': {_weight: 0, f'{_head}.loss_cls.class_weight': [1.5] * 10 + [1.0]},
    'plain, half as much background': {_weight: 0, **_base_._less_background},
    # Both at once, and one after the other.
    "foreground, 0.5, ess 3, and the paper's alpha": {_ess: 3, _share: 1.0},
    'foreground, 0.5, ess 30 to 3': {_ess: 30, _start: 30.0},
    # Less of the part that all examples share (docs/signal.md).
    'foreground, 1.67, ess 10, a tenth of the common part': {_weight: 1.67, _ess: 10, _kept: 0.1},
    # The simplest rival.
    'label smoothing 0.05': _base_._smoothed[0.05],
    'label smoothing 0.1': _base_._smoothed[0.1],
    'label smoothing 0.2': _base_._smoothed[0.2],
    # As many RoIs of the background among them.
    'balanced, 0.5, ess 3': {_among: 'balanced', _ess: 3},
    'balanced, 0.5, ess 5': {_among: 'balanced', _ess: 5},
    # Few of a class that is frequent in the mini-batch.
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _ess: 3},
}
images = {50: None}
