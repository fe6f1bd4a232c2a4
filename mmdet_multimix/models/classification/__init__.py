"""Pretraining of backbones: the classifier, its heads and the methods that it is compared by."""

from .cifar_resnet import CIFARResNet
from .heads import DenseMultiMixHead, LinearClsHead, MultiMixHead
from .image_classifier import ImageClassifier
from .methods import AlignMixup, CutMix, InputMixup, ManifoldMixup, PretrainMethod, SelfDistillation
from .multimix_cls_loss import MultiMixClsLoss

__all__ = [
    'AlignMixup',
    'CIFARResNet',
    'CutMix',
    'DenseMultiMixHead',
    'ImageClassifier',
    'InputMixup',
    'LinearClsHead',
    'ManifoldMixup',
    'MultiMixClsLoss',
    'MultiMixHead',
    'PretrainMethod',
    'SelfDistillation',
]
