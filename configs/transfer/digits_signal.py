# An experiment of tools/transfer.py: does a pretraining with tuples of few examples (docs/signal.md) help the
# detectors of digits.py more than one with tuples of many?
_base_ = './digits.py'
title = 'Digits: tuples of few examples and of many, in the pretraining'
methods = {
    '_delete_': True,
    'cross-entropy': '../pretrain/resnet_tiny_digits_ce.py',
    'label smoothing': '../compare/resnet_tiny_digits_label_smoothing.py',
    'manifold mixup': '../pretrain/resnet_tiny_digits_manifold_mixup.py',
    'MultiMix': '../pretrain/resnet_tiny_digits_multimix.py',
    'MultiMix, ess 2, no clean': 'resnet_tiny_digits_multimix_ess2.py',
    'MultiMix, alpha 0.02 to 0.2': 'resnet_tiny_digits_multimix_alpha.py',
    'Dense MultiMix': '../pretrain/resnet_tiny_digits_dense_multimix.py',
    'Dense MultiMix, alpha 0.02 to 0.2': 'resnet_tiny_digits_dense_multimix_alpha.py',
}
