# An experiment of tools/compare.py: every method on 100, 300 and 900 handwritten digits.
title = 'Digits'
# Three candidates each: of a mixing method its own strength, of cross-entropy, which has none, the recipe's.
methods = {
    'cross-entropy': dict(
        config='../pretrain/resnet_tiny_digits_ce.py',
        candidates={
            'recipe': {},
            'weight decay 0.005': {'optim_wrapper.optimizer.weight_decay': 5e-3},
            'learning rate 0.1': {'optim_wrapper.optimizer.lr': 0.1},
        },
    ),
    'mixup': dict(
        config='../pretrain/resnet_tiny_digits_mixup.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0)},
    ),
    'CutMix': dict(
        config='../pretrain/resnet_tiny_digits_cutmix.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0)},
    ),
    # At the paper's random stage, and at the last one, which suits short schedules.
    'manifold mixup': dict(
        config='../pretrain/resnet_tiny_digits_manifold_mixup.py',
        candidates={
            'alpha 2': {},
            'last stage, alpha 2': {'model.method.stages': (-1,)},
            'last stage, alpha 0.5': {'model.method.stages': (-1,), 'model.method.alpha': 0.5},
        },
    ),
    'AlignMixup': dict(
        config='../pretrain/resnet_tiny_digits_alignmixup.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.5, 1.0, 2.0)},
    ),
    'multi-mix, mixup': dict(
        config='../pretrain/resnet_tiny_digits_multi_mix_mixup.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0)},
    ),
    'multi-mix, CutMix': dict(
        config='../pretrain/resnet_tiny_digits_multi_mix_cutmix.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0)},
    ),
    'multi-mix, manifold mixup': dict(
        config='../pretrain/resnet_tiny_digits_multi_mix_manifold_mixup.py',
        candidates={
            'alpha 2': {},
            'last stage, alpha 2': {'model.method.stages': (-1,)},
            'last stage, alpha 0.5': {'model.method.stages': (-1,), 'model.method.alpha': 0.5},
        },
    ),
    'MultiMix': dict(
        config='../pretrain/resnet_tiny_digits_multimix.py',
        candidates={
            'alpha 0.02 to 0.2': {},
            'alpha 0.1 to 1': {'model.head.multimix.alpha': (0.1, 1.0)},
            'alpha 0.5 to 2, clean weight 5': {
                'model.head.multimix.alpha': (0.5, 2.0),
                'model.head.multimix.clean_weight': 5.0,
            },
        },
    ),
    'Dense MultiMix': dict(
        config='../pretrain/resnet_tiny_digits_dense_multimix.py',
        candidates={
            'alpha 0.02 to 0.2': {},
            'alpha 0.1 to 1': {'model.head.multimix.alpha': (0.1, 1.0)},
            'alpha 0.5 to 2, clean weight 5': {
                'model.head.multimix.alpha': (0.5, 2.0),
                'model.head.multimix.clean_weight': 5.0,
            },
        },
    ),
    # Of the teacher against the labels; the mixing is that of the short setting.
    'MultiMix, self-distilled': dict(
        config='../pretrain/resnet_tiny_digits_multimix_distill.py',
        candidates={
            f'teacher {weight}': {
                'model.method.teacher_weight': weight,
                'model.method.label_weight': round(1 - weight, 1),
            }
            for weight in (0.2, 0.5, 0.8)
        },
    ),
    'Dense MultiMix, self-distilled': dict(
        config='../pretrain/resnet_tiny_digits_dense_multimix_distill.py',
        candidates={
            f'teacher {weight}': {
                'model.method.teacher_weight': weight,
                'model.method.label_weight': round(1 - weight, 1),
            }
            for weight in (0.2, 0.5, 0.8)
        },
    ),
}
images_per_class = {
    # Two iterations an epoch: three times as many epochs are as many iterations as with 300 images.
    10: {
        'train_cfg.max_epochs': 150,
        'train_cfg.val_interval': 3,
        'param_scheduler.1.T_max': 148,
        'param_scheduler.1.end': 150,
    },
    30: {},
    90: {},
}
seeds = 5
tuning = dict(images_per_class=30, validation=(60, 90), seeds=(100, 101))
# The table has the best epoch from the log; nobody needs its checkpoint.
options = {'default_hooks.checkpoint.save_best': None}
