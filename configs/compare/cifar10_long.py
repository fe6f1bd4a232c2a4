# An experiment of tools/compare.py for one core, in which cross-entropy overfits, as it does where the papers
# train: 5,000 images of CIFAR-10, a ResNet-18 a quarter as wide as usual, 60 epochs. Images in
# data/cifar10/{train,test}/CLASS/.
_base_ = '../_base_/experiments/candidates.py'
title = 'CIFAR-10, 5,000 images, 60 epochs'


def _mixed(clean_weight, **strength):
    """Two weights that sum to 1, and how strongly is mixed (docs/signal.md)."""
    options = {**strength, 'loss_weight': 1 - clean_weight, 'clean_weight': clean_weight}
    return {f'model.head.multimix.{key}': value for key, value in options.items()}


_ess = {
    'ess 3, half clean': _mixed(0.5, ess=3),
    'ess 5, half clean': _mixed(0.5, ess=5),
    'ess 2, no clean': _mixed(0.0, ess=2),
}
_paper = {
    'no clean': _mixed(0.0, setting='paper'),
    'half clean': _mixed(0.5, setting='paper'),
    '5/6 clean': _mixed(5 / 6, setting='paper'),
}
_pretrain = '../pretrain/resnet18_cifar10_'
methods = {
    'cross-entropy': dict(
        config=f'{_pretrain}ce_short.py',
        candidates={
            'recipe': {},
            'weight decay 0.002': {'optim_wrapper.optimizer.weight_decay': 2e-3},
            'learning rate 0.05': {'optim_wrapper.optimizer.lr': 0.05},
        },
    ),
    'label smoothing': dict(
        config='resnet18_cifar10_label_smoothing.py',
        candidates={f'{share}': {'model.head.label_smoothing': share} for share in (0.05, 0.1, 0.2)},
    ),
    "MultiMix, the paper's alpha": dict(config=f'{_pretrain}multimix_short.py', candidates=_paper),
    'MultiMix, ess': dict(config=f'{_pretrain}multimix_short.py', candidates=_ess),
    'Dense MultiMix, ess': dict(config=f'{_pretrain}dense_multimix_short.py', candidates=_ess),
    'Dense MultiMix, ess 3, self-distilled': dict(
        config=f'{_pretrain}dense_multimix_distill_short.py',
        candidates={
            name: {**options, 'model.head.multimix.ess': 3} for name, options in _base_._teachers.items()
        },
    ),
    'mixup': dict(config=f'{_pretrain}mixup_short.py', candidates=_base_._input_mixing),
    'CutMix': dict(config=f'{_pretrain}cutmix_short.py', candidates=_base_._input_mixing),
    'manifold mixup': dict(config=f'{_pretrain}manifold_mixup_short.py', candidates=_base_._stages),
    'manifold mixup, K = 5': dict(
        config=f'{_pretrain}manifold_mixup_k5_short.py', candidates=_base_._late_stages
    ),
}
images_per_class = (500,)
seeds = 3
tuning = dict(images_per_class=500, validation=(500, 700), seeds=(100,))
measures = ('accuracy', 'calibration', 'embedding')
options = {
    # All stages halve the map, which leaves a quarter of the work of the usual ResNet for CIFAR.
    'model.backbone.strides': (2, 2, 2, 2),
    'model.backbone.base_channels': 16,
    'model.head.in_channels': 128,
    **{f'{name}_dataloader.dataset.type': 'ImageFolderDataset' for name in ('train', 'val', 'test')},
    **{f'{name}_dataloader.dataset.per_class': (0, 500) for name in ('val', 'test')},
    **{f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')},
    **{f'{name}_dataloader.pin_memory': False for name in ('train', 'val', 'test')},
    # Takes less time than float32 on processors with instructions for bfloat16.
    'optim_wrapper.type': 'BFloat16OptimWrapper',
    'train_cfg.max_epochs': 60,
    'train_cfg.val_interval': 10,
    'default_hooks.checkpoint.interval': 10,
    'param_scheduler.1.T_max': 58,
    'param_scheduler.1.end': 60,
    # The table takes the best epoch from the log and needs no checkpoint of it.
    'default_hooks.checkpoint.save_best': None,
}
