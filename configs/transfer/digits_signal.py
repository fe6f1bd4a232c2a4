# An experiment of tools/transfer.py: does pretraining with tuples that teach (docs/signal.md) help the
# detectors of digits.py more than the named setting `short` does?
_base_ = './digits.py'
title = 'Digits: tuples that teach, in the pretraining'
methods = {
    '_delete_': True,
    'cross-entropy': '../pretrain/resnet_tiny_digits_ce.py',
    'label smoothing': '../compare/resnet_tiny_digits_label_smoothing.py',
    'manifold mixup': '../pretrain/resnet_tiny_digits_manifold_mixup.py',
    'MultiMix, short': '../pretrain/resnet_tiny_digits_multimix.py',
    'MultiMix, ess 2': 'resnet_tiny_digits_multimix_ess2.py',
    'MultiMix, ess 3, half clean': 'resnet_tiny_digits_multimix_ess3.py',
    'Dense MultiMix, short': '../pretrain/resnet_tiny_digits_dense_multimix.py',
    'Dense MultiMix, ess 3, half clean': 'resnet_tiny_digits_dense_multimix_ess3.py',
}
