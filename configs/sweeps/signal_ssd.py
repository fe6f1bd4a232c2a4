# An experiment of tools/sweep.py: what RoI MultiMix's settings do among the anchors of SSD, on digits.
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = '../detection/ssd_tiny_digits_multimix.py'
metric = 'coco/bbox_mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3

_multimix = 'model.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'foreground, 0.5, ess 3': {_among: 'foreground', _weight: 0.5, _ess: 3},
    'balanced, 0.5, ess 3': {_among: 'balanced', _weight: 0.5, _ess: 3},
    'balanced, 0.1, ess 3': {_among: 'balanced', _weight: 0.1, _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _weight: 0.5, _ess: 3},
}
images = {50: None}
