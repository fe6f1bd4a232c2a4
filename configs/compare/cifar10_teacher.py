# An experiment of tools/compare.py for one core: what the teacher does alone, at the weight that was chosen
# for Dense MultiMix in cifar10.py.
_base_ = './cifar10.py'
title = 'CIFAR-10, 5,000 images, 20 epochs, self-distilled cross-entropy'
methods = dict(
    _delete_=True,
    **{
        'cross-entropy, self-distilled': dict(
            config='resnet18_cifar10_ce_distill.py', candidates={'teacher 0.2': {}}
        )
    },
)
tuning = None
