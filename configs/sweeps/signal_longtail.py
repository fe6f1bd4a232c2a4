# An experiment of tools/sweep.py: whether tuples of few RoIs help rare classes. For the data:
#     python -m mmdet_multimix.datasets.digits_detection data/digits_longtail --num-train 300 --imbalance 50
pretraining = 'resnet_tiny_digits_ce.py'
detector = 'faster_rcnn_digits_longtail.py'
metric = 'coco/bbox_mAP'
frequencies = True
images_key = 'train_dataloader.dataset.indices'
seeds = 3
_root = 'data/digits_longtail/'
options = {
    **{f'{name}_dataloader.dataset.data_root': _root for name in ('train', 'val', 'test')},
    **{f'{name}_evaluator.ann_file': f'{_root}annotations/val.json' for name in ('val', 'test')},
}

_multimix = 'model.roi_head.bbox_head.multimix'
_weight, _among, _ess = (f'{_multimix}.{key}' for key in ('loss_weight', 'among', 'ess'))
# The usual means: an object of a class of n weighs by 1 / sqrt(n), in the mean 1; images are drawn by class.
_class_weights = [0.64, 0.74, 0.95, 1.23, 1.37, 2.08, 2.5, 2.84, 3.75, 5.3, 1.0]
_by_class = {'train_dataloader.sampler.type': 'ClassAwareSampler'}
# The first is what the others are compared with. At weight 0 nothing is mixed.
settings = {
    'plain': {_weight: 0},
    'class_balanced, 0.5, ess 3': {_among: 'class_balanced', _weight: 0.5, _ess: 3},
    'all, 0.5, ess 3': {_among: 'all', _weight: 0.5, _ess: 3},
    'class_balanced, 0.5, ess 2': {_among: 'class_balanced', _weight: 0.5, _ess: 2},
    'class_balanced, 0.5, ess 5': {_among: 'class_balanced', _weight: 0.5, _ess: 5},
    'plain, class weights': {_weight: 0, 'model.roi_head.bbox_head.loss_cls.class_weight': _class_weights},
    'plain, images by class': {_weight: 0, **_by_class},
    'class_balanced, 0.5, ess 3, images by class': {
        _among: 'class_balanced',
        _weight: 0.5,
        _ess: 3,
        **_by_class,
    },
}
images = {300: None}
