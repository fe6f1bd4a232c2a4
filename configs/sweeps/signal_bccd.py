# An experiment of tools/sweep.py: tuples of few RoIs, and their simplest rival, on images of blood
# cells. Needs data/BCCD.
_base_ = '../_base_/experiments/rivals.py'
detector = 'faster_rcnn_bccd.py'
metric = 'pascal_voc/mAP'
post_hoc = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3
options = {'custom_imports.imports': ['mmdet_multimix', 'experiments.label_smoothing']}

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'balanced, 0.5, ess 3': {_among: 'balanced', _weight: 0.5, _ess: 3},
    'label smoothing 0.1': _base_._smoothed[0.1],
    'all, 0.5, ess 3': {_among: 'all', _weight: 0.5, _ess: 3},
    'foreground, 0.5, ess 3': {_among: 'foreground', _weight: 0.5, _ess: 3},
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _weight: 0.5, _ess: 3},
}
# Of 292.
images = {50: None}
