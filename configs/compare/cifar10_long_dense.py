# An experiment of tools/compare.py for one core: Dense MultiMix as the setting `short` has it, which
# cifar10_long.py did not choose.
_base_ = './cifar10_long.py'
title = 'CIFAR-10, 5,000 images, 60 epochs, Dense MultiMix'
methods = dict(
    _delete_=True,
    **{
        'Dense MultiMix, short': dict(
            config='../pretrain/resnet18_cifar10_dense_multimix_short.py',
            candidates={'ess 3, half clean': {}},
        )
    },
)
tuning = None
