"""Models: what owns hyper-parameters and holds layers. The mathematics is in ``mmdet_multimix.ops``."""

from . import classification, detection
from .multimix import SETTINGS, DenseMultiMix, MultiMix

__all__ = ['SETTINGS', 'DenseMultiMix', 'MultiMix', 'classification', 'detection']
