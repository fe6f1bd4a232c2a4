# An experiment of tools/sweep.py: which RoIs to mix, how strongly and when.
data = 'digits'
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits.py'
metric = 'coco/bbox_mAP'
# Numbers of training images, and which settings are tried with them: None for all.
_best = ('plain', 'all, 0.1', 'all, 0.3', 'foreground, 0.1', 'balanced, 0.3', 'all, 0.3, ramp over half')
images = {25: _best, 50: None, 100: _best}
del _best
images_key = 'train_dataloader.dataset.indices'
seeds = 5

_weight = 'model.roi_head.bbox_head.multimix.loss_weight'
_among = 'model.roi_head.bbox_head.multimix.among'
_alpha = 'model.roi_head.bbox_head.multimix.alpha'
_within_image = 'model.roi_head.bbox_head.multimix.within_image'
_ramp = 'default_hooks.multimix.ramp'
_stop = 'default_hooks.multimix.stop'
_head = 'model.roi_head.type'
_dense_weight = 'model.roi_head.dense_multimix.loss_weight'
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'all, 0.1': {_among: 'all', _weight: 0.1},
    'all, 0.3': {_among: 'all', _weight: 0.3},
    'all, 1': {_among: 'all', _weight: 1},
    'foreground, 0.1': {_among: 'foreground', _weight: 0.1},
    'foreground, 0.3': {_among: 'foreground', _weight: 0.3},
    'balanced, 0.3': {_among: 'balanced', _weight: 0.3},
    'all, 0.3, small alpha': {_among: 'all', _weight: 0.3, _alpha: '(0.02,0.2)'},
    'all, 0.3, ramp over half': {_among: 'all', _weight: 0.3, _ramp: 200},
    'all, 0.3, off after half': {_among: 'all', _weight: 0.3, _stop: 200},
    'class_balanced, 0.3': {_among: 'class_balanced', _weight: 0.3},
    'all, 0.3, within an image': {_among: 'all', _weight: 0.3, _within_image: True},
    'maps, foreground, 0.1': {_weight: 0, _head: 'DenseMultiMixRoIHead', _dense_weight: 0.1},
    'maps and RoIs, foreground, 0.1': {
        _among: 'foreground',
        _weight: 0.1,
        _head: 'DenseMultiMixRoIHead',
        _dense_weight: 0.1,
    },
}
