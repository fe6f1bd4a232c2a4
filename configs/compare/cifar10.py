# An experiment of tools/compare.py for one core: 5,000 images of CIFAR-10, a ResNet-18 a quarter as wide as
# usual, 20 epochs. Images in data/cifar10/{train,test}/CLASS/; for data/cifar10/cifar-10-batches-py write
# CIFAR10Dataset for ImageFolderDataset.
_base_ = '../_base_/experiments/candidates.py'
title = 'CIFAR-10, 5,000 images, 20 epochs'
_pretrain = '../pretrain/resnet18_cifar10_'
methods = {
    # Cross-entropy has no strength, so its candidates are four recipes.
    'cross-entropy': dict(
        config=f'{_pretrain}ce_short.py',
        candidates={
            'recipe': {},
            'weight decay 0.0005': {'optim_wrapper.optimizer.weight_decay': 5e-4},
            'weight decay 0.005': {'optim_wrapper.optimizer.weight_decay': 5e-3},
            'learning rate 0.05': {'optim_wrapper.optimizer.lr': 0.05},
        },
    ),
    'label smoothing': dict(config='resnet18_cifar10_label_smoothing.py', candidates=_base_._smoothing),
    "MultiMix, the paper's alpha": dict(config=f'{_pretrain}multimix_short.py', candidates=_base_._paper),
    'MultiMix': dict(config=f'{_pretrain}multimix_short.py', candidates=_base_._mixing),
    'Dense MultiMix': dict(config=f'{_pretrain}dense_multimix_short.py', candidates=_base_._mixing),
    'Dense MultiMix, self-distilled': dict(
        config=f'{_pretrain}dense_multimix_distill_short.py', candidates=_base_._teachers
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
    'train_dataloader.batch_size': 64,
    # Takes two thirds of the time of float32 on processors with instructions for bfloat16.
    'optim_wrapper.type': 'BFloat16OptimWrapper',
    # Few steps want a larger decay; which one, the candidates of cross-entropy ask.
    'optim_wrapper.optimizer.weight_decay': 2e-3,
    'train_cfg.max_epochs': 20,
    'train_cfg.val_interval': 5,
    'default_hooks.checkpoint.interval': 5,
    'param_scheduler.1.T_max': 18,
    'param_scheduler.1.end': 20,
    # The table takes the best epoch from the log and needs no checkpoint of it.
    'default_hooks.checkpoint.save_best': None,
}
