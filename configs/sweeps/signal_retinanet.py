# An experiment of tools/sweep.py: what MultiMixHook does in a detector of one stage, on digits.
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'retinanet_digits.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3

_hook = 'custom_hooks.1'
_weight, _among, _ess, _alpha = (f'{_hook}.{key}' for key in ('loss_weight', 'among', 'ess', 'alpha'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'foreground, 0.5, ess 3': {_ess: 3},
    'foreground, 0.5, ess 5': {_ess: 5},
    'foreground, 2, ess 3': {_weight: 2, _ess: 3},
    "foreground, 0.5, the paper's alpha": {_alpha: '(0.5,2.0)'},
    'foreground, 0.1, ess 3': {_weight: 0.1, _ess: 3},
    'balanced, 0.5, ess 3': {_among: 'balanced', _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _ess: 3},
    'balanced, 0.1, ess 3': {_among: 'balanced', _weight: 0.1, _ess: 3},
    'all, 0.1, ess 3': {_among: 'all', _weight: 0.1, _ess: 3},
}
images = {50: None}
