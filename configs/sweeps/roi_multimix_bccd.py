# An experiment of tools/sweep.py: the settings that did best on digits, on real images. Needs data/BCCD.
detector = 'faster_rcnn_bccd.py'
metric = 'pascal_voc/mAP'
# Numbers of training images, and which settings are tried with them: None for all. BCCD has 292.
images = {50: None, 292: ('plain', 'foreground, 0.1', 'all, 0.3, ramp over half')}
images_key = 'train_dataloader.dataset.indices'
seeds = 5

_weight = 'model.roi_head.bbox_head.multimix.loss_weight'
_among = 'model.roi_head.bbox_head.multimix.among'
_ramp = 'default_hooks.multimix.ramp'
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'all, 0.1': {_among: 'all', _weight: 0.1},
    'all, 0.3': {_among: 'all', _weight: 0.3},
    'foreground, 0.1': {_among: 'foreground', _weight: 0.1},
    'all, 0.3, ramp over half': {_among: 'all', _weight: 0.3, _ramp: 150},
}
