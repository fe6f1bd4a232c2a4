"""Models: what owns hyper-parameters and holds layers. The mathematics is in `mmdet_multimix.ops`."""

from . import backbones, classifiers, cls_heads, dense_heads, losses, methods, pretrained, roi_heads
from .detection_multimix import DetectionMultiMix
from .mixed_form import MixedForm
from .multimix import SETTINGS, DenseMultiMix, MultiMix
from .pretrained import MultiMixPretrained
from .roi_multimix import DenseRoIMultiMix, RoIMultiMix

__all__ = [
    'SETTINGS',
    'DenseMultiMix',
    'DenseRoIMultiMix',
    'DetectionMultiMix',
    'MixedForm',
    'MultiMix',
    'MultiMixPretrained',
    'RoIMultiMix',
    'backbones',
    'classifiers',
    'cls_heads',
    'dense_heads',
    'losses',
    'methods',
    'pretrained',
    'roi_heads',
]
