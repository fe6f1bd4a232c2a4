# An experiment of tools/compare.py for a GPU: cifar10.py with a whole ResNet-18, 45,000 images (the other
# 5,000 choose the candidates) and 60 epochs. Needs data/cifar10/cifar-10-batches-py.
_base_ = './cifar10.py'
title = 'CIFAR-10, ResNet-18'
images_per_class = (4500,)
tuning = dict(images_per_class=4500, validation=(4500, 5000))
attack_images = None
options = {
    '_delete_': True,
    'optim_wrapper.optimizer.lr': 0.05,
    'default_hooks.checkpoint.save_best': None,
}
