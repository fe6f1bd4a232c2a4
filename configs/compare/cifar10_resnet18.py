# An experiment of tools/compare.py for a GPU: cifar10_long.py with a whole ResNet-18, 45,000 images (the
# other 5,000 choose the candidates) and attacks. Needs data/cifar10/cifar-10-batches-py.
_base_ = './cifar10_long.py'
title = 'CIFAR-10, ResNet-18'
images_per_class = (4500,)
tuning = dict(images_per_class=4500, validation=(4500, 5000))
measures = ('accuracy', 'calibration', 'ood', 'embedding', 'fgsm', 'pgd')
options = {'_delete_': True, 'default_hooks.checkpoint.save_best': None}
