"""Models: what owns hyper-parameters and holds layers. The mathematics is in ``mmdet_multimix.ops``."""

from . import classification, detection
from .dense_multimix import DenseMultiMix
from .multimix import SETTINGS, MultiMix

__all__ = ['SETTINGS', 'DenseMultiMix', 'MultiMix', 'classification', 'detection']
