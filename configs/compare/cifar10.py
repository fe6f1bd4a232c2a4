# An experiment of tools/compare.py for one core: 5,000 images of CIFAR-10, a ResNet-18 a quarter as wide as
# usual (0.7 M parameters). Images in data/cifar10/{train,test}/CLASS/; for data/cifar10/cifar-10-batches-py
# write CIFAR10Dataset for ImageFolderDataset.
_base_ = '../_base_/experiments/candidates.py'
title = 'CIFAR-10, slim ResNet-18'
# Three strengths of each method, then the best strength with the recipe that is best for cross-entropy: no
# method gains by a recipe that others are not offered. Cross-entropy has no strength, only recipes.
_fast = {'optim_wrapper.optimizer.lr': 0.1}
_decay = {'optim_wrapper.optimizer.weight_decay': 2e-3}


def _and_recipe(candidates, best):
    return {**candidates, f'{best}, lr 0.1, weight decay 0.002': {**candidates[best], **_fast, **_decay}}


methods = {
    'cross-entropy': dict(
        config='../pretrain/resnet18_cifar10_ce_short.py',
        candidates={
            'recipe': {},
            'weight decay 0.002': _decay,
            'learning rate 0.1': _fast,
            'learning rate 0.1, weight decay 0.002': {**_fast, **_decay},
        },
    ),
    'mixup': dict(
        config='../pretrain/resnet18_cifar10_mixup_short.py',
        candidates=_and_recipe(_base_._input_mixing, 'alpha 0.2'),
    ),
    'CutMix': dict(
        config='../pretrain/resnet18_cifar10_cutmix_short.py',
        candidates=_and_recipe(_base_._input_mixing, 'alpha 0.2'),
    ),
    'manifold mixup': dict(
        config='../pretrain/resnet18_cifar10_manifold_mixup_short.py',
        candidates=_and_recipe(_base_._stages, 'last stage, alpha 0.5'),
    ),
    'manifold mixup, K = 5': dict(
        config='../pretrain/resnet18_cifar10_manifold_mixup_k5_short.py',
        candidates=_and_recipe(_base_._late_stages, 'last stage, alpha 0.5'),
    ),
    'MultiMix': dict(
        config='../pretrain/resnet18_cifar10_multimix_short.py',
        candidates=_and_recipe(_base_._mixing, 'alpha 0.5 to 2, 5/6 clean'),
    ),
    'Dense MultiMix': dict(
        config='../pretrain/resnet18_cifar10_dense_multimix_short.py',
        candidates=_and_recipe(_base_._mixing, 'alpha 0.5 to 2, 5/6 clean'),
    ),
    'Dense MultiMix, self-distilled': dict(
        config='../pretrain/resnet18_cifar10_dense_multimix_distill_short.py',
        candidates=_and_recipe(_base_._teachers, 'teacher 0.2'),
    ),
}
images_per_class = (500,)
seeds = 3
tuning = dict(images_per_class=500, validation=(500, 700), seeds=(100,))
attack_images = 1000
options = {
    'model.backbone.base_channels': 16,
    'model.head.in_channels': 128,
    **{f'{name}_dataloader.dataset.type': 'ImageFolderDataset' for name in ('train', 'val', 'test')},
    **{f'{name}_dataloader.dataset.per_class': (0, 500) for name in ('val', 'test')},
    **{f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')},
    **{f'{name}_dataloader.pin_memory': False for name in ('train', 'val', 'test')},
    'train_dataloader.batch_size': 64,
    # Takes two thirds of the time of float32 on processors with instructions for bfloat16.
    'optim_wrapper.type': 'BFloat16OptimWrapper',
    'optim_wrapper.optimizer.lr': 0.05,
    'train_cfg.max_epochs': 20,
    'train_cfg.val_interval': 5,
    'default_hooks.checkpoint.interval': 5,
    'param_scheduler.1.T_max': 18,
    'param_scheduler.1.end': 20,
    # The table takes the best epoch from the log and needs no checkpoint of it.
    'default_hooks.checkpoint.save_best': None,
}
