# An experiment of tools/transfer.py for a laptop: handwritten digits, a tiny ResNet, 50 images of them.
title = 'Digits: 50 training images, 200 to validate'
methods = {
    'cross-entropy': '../pretrain/resnet_tiny_digits_ce.py',
    'mixup': '../pretrain/resnet_tiny_digits_mixup.py',
    'CutMix': '../pretrain/resnet_tiny_digits_cutmix.py',
    'manifold mixup': '../pretrain/resnet_tiny_digits_manifold_mixup.py',
    'AlignMixup': '../pretrain/resnet_tiny_digits_alignmixup.py',
    'mixup, K = 5': '../pretrain/resnet_tiny_digits_mixup_k5.py',
    'CutMix, K = 5': '../pretrain/resnet_tiny_digits_cutmix_k5.py',
    'manifold mixup, K = 5': '../pretrain/resnet_tiny_digits_manifold_mixup_k5.py',
    'MultiMix': '../pretrain/resnet_tiny_digits_multimix.py',
    'Dense MultiMix': '../pretrain/resnet_tiny_digits_dense_multimix.py',
    'MultiMix, distilled': '../pretrain/resnet_tiny_digits_multimix_distill.py',
    'Dense MultiMix, distilled': '../pretrain/resnet_tiny_digits_dense_multimix_distill.py',
    'from scratch': None,
}
metrics = {'mAP': 'coco/bbox_mAP', 'mAP 50': 'coco/bbox_mAP_50', 'mAP 75': 'coco/bbox_mAP_75'}
detectors = {
    'Faster R-CNN': dict(config='faster_rcnn_digits.py', metrics=metrics),
    'SSD': dict(config='../detection/ssd_tiny_digits.py', metrics=metrics),
}
del metrics
seeds = 3
digits = (50, 200)
