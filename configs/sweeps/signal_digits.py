# An experiment of tools/sweep.py: tuples of few RoIs, of all, and without the part that all examples share.
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits_signal.py'
metric = 'coco/bbox_mAP'
# The first look; None instead of the names tries all settings.
images = {50: ('plain', 'foreground, 0.5, ess 3')}
images_key = 'train_dataloader.dataset.indices'
seeds = 5

_head = 'model.roi_head.bbox_head'
_weight, _among = f'{_head}.multimix.loss_weight', f'{_head}.multimix.among'
_ess, _alpha, _kept = f'{_head}.multimix.ess', f'{_head}.multimix.alpha', 'custom_hooks.1.kept'
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'foreground, 0.5, ess 3': {_ess: 3},
    "foreground, 0.5, the paper's alpha": {_alpha: '(0.5,2.0)'},
    'foreground, 0.5, ess 3, a tenth of the common part': {_ess: 3, _kept: 0.1},
    'foreground, 1.67, ess 10': {_weight: 1.67, _ess: 10},
    'label smoothing 0.1': {
        _weight: 0,
        f'{_head}.loss_cls.type': 'LabelSmoothingLoss',
        f'{_head}.loss_cls.label_smoothing': 0.1,
    },
    'foreground, 1.67, ess 10, a tenth of the common part': {_weight: 1.67, _ess: 10, _kept: 0.1},
}
