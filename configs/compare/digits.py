# An experiment of tools/compare.py: every method on 100, 300 and 900 handwritten digits.
_base_ = '../_base_/experiments/candidates.py'
title = 'Digits'
# The config's teacher averages about 100 of 900 iterations. Here there are 300, so it averages about 33.
_teachers = {
    name: {**options, 'default_hooks.distillation.momentum': 0.03}
    for name, options in _base_._teachers.items()
}
methods = {
    # Cross-entropy has no strength, so its candidates are four recipes.
    'cross-entropy': dict(
        config='../pretrain/resnet_tiny_digits_ce.py',
        candidates={
            'recipe': {},
            'weight decay 0.005': {'optim_wrapper.optimizer.weight_decay': 5e-3},
            'weight decay 0.02': {'optim_wrapper.optimizer.weight_decay': 2e-2},
            'learning rate 0.1': {'optim_wrapper.optimizer.lr': 0.1},
        },
    ),
    'label smoothing': dict(
        config='resnet_tiny_digits_label_smoothing.py',
        candidates=_base_._smoothing,
    ),
    'mixup': dict(
        config='../pretrain/resnet_tiny_digits_mixup.py',
        candidates=_base_._input_mixing,
    ),
    'CutMix': dict(
        config='../pretrain/resnet_tiny_digits_cutmix.py',
        candidates=_base_._input_mixing,
    ),
    'manifold mixup': dict(
        config='../pretrain/resnet_tiny_digits_manifold_mixup.py',
        candidates=_base_._stages,
    ),
    'AlignMixup': dict(
        config='../pretrain/resnet_tiny_digits_alignmixup.py',
        candidates={f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0, 2.0)},
    ),
    'mixup, K = 5': dict(
        config='../pretrain/resnet_tiny_digits_mixup_k5.py',
        candidates=_base_._input_mixing,
    ),
    'CutMix, K = 5': dict(
        config='../pretrain/resnet_tiny_digits_cutmix_k5.py',
        candidates=_base_._input_mixing,
    ),
    'manifold mixup, K = 5': dict(
        config='../pretrain/resnet_tiny_digits_manifold_mixup_k5.py',
        candidates=_base_._stages,
    ),
    "MultiMix, the paper's alpha": dict(
        config='../pretrain/resnet_tiny_digits_multimix.py',
        candidates=_base_._paper,
    ),
    'MultiMix': dict(
        config='../pretrain/resnet_tiny_digits_multimix.py',
        candidates=_base_._mixing,
    ),
    'Dense MultiMix': dict(
        config='../pretrain/resnet_tiny_digits_dense_multimix.py',
        candidates=_base_._mixing,
    ),
    'MultiMix, self-distilled': dict(
        config='../pretrain/resnet_tiny_digits_multimix_distill.py',
        candidates=_teachers,
    ),
    'Dense MultiMix, self-distilled': dict(
        config='../pretrain/resnet_tiny_digits_dense_multimix_distill.py',
        candidates=_teachers,
    ),
    # What the teacher does alone.
    'cross-entropy, self-distilled': dict(
        config='resnet_tiny_digits_ce_distill.py',
        candidates={
            f'teacher {weight}': {
                'model.method.teacher_weight': weight,
                'model.method.label_weight': round(1 - weight, 1),
            }
            for weight in (0.2, 0.5, 0.8, 0.9)
        },
    ),
}


def schedule(epochs):
    """Ten validations, and about 300 iterations however many images there are."""
    return {
        'train_cfg.max_epochs': epochs,
        'train_cfg.val_interval': epochs // 10,
        'default_hooks.checkpoint.interval': epochs // 5,
        'param_scheduler.1.T_max': epochs - 2,
        'param_scheduler.1.end': epochs,
    }


images_per_class = {10: schedule(150), 30: schedule(50), 90: schedule(20)}
del schedule
seeds = 5
tuning = dict(images_per_class=30, validation=(60, 90), seeds=(100, 101))
measures = ('accuracy', 'calibration', 'ood', 'embedding', 'fgsm', 'pgd')
# The table takes the best epoch from the log and needs no checkpoint of it.
options = {'default_hooks.checkpoint.save_best': None}
