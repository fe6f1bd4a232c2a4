# What the papers' tables on VOC and COCO share: the backbones, relative to configs/transfer, and the seeds.
methods = {
    'cross-entropy': '../pretrain/resnet50_imagenet_ce.py',
    'mixup': '../pretrain/resnet50_imagenet_mixup.py',
    'CutMix': '../pretrain/resnet50_imagenet_cutmix.py',
    'manifold mixup': '../pretrain/resnet50_imagenet_manifold_mixup.py',
    'AlignMixup': '../pretrain/resnet50_imagenet_alignmixup.py',
    'MultiMix': '../pretrain/resnet50_imagenet_multimix.py',
    'Dense MultiMix': '../pretrain/resnet50_imagenet_dense_multimix.py',
}
seeds = 3
pretraining_seeds = 1  # one backbone a method, as in the papers
