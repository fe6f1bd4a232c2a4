# An experiment of tools/transfer.py for machines without a GPU: backbones from CIFAR-10 find blood cells.
# Needs data/cifar10/{train,test}/CLASS/ and data/BCCD.
title = 'BCCD: 292 training images, 72 to test'
methods = {
    'cross-entropy': '../pretrain/resnet18_slim_cifar10_ce.py',
    'mixup': '../pretrain/resnet18_slim_cifar10_mixup.py',
    'MultiMix': '../pretrain/resnet18_slim_cifar10_multimix.py',
    'Dense MultiMix': '../pretrain/resnet18_slim_cifar10_dense_multimix.py',
}
metrics = {'mAP (IoU 0.5, area)': 'pascal_voc/mAP'}
detectors = {
    'Faster R-CNN': dict(config='faster_rcnn_bccd.py', metrics=metrics),
    'SSD': dict(config='../detection/ssd_r18_bccd.py', metrics=metrics),
}
del metrics
seeds = 3
