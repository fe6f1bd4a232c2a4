# An experiment of tools/compare.py for one core, in which cross-entropy overfits, as it does where the papers
# train: cifar10.py for 60 epochs.
_base_ = './cifar10.py'
title = 'CIFAR-10, 5,000 images, 60 epochs'
options = {
    'train_cfg.max_epochs': 60,
    'train_cfg.val_interval': 10,
    'default_hooks.checkpoint.interval': 10,
    'param_scheduler.1.T_max': 58,
    'param_scheduler.1.end': 60,
}
