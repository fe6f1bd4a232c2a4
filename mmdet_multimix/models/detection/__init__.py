"""Mixing inside detectors: which examples are mixed, by which loss, and the heads and losses that do it."""

from .detection_multimix import DetectionMultiMix
from .heads import (
    DenseMultiMixBBoxHead,
    DenseMultiMixRoIHead,
    MultiMixBBoxHead,
    MultiMixConvFCBBoxHead,
    MultiMixShared2FCBBoxHead,
    MultiMixShared4Conv1FCBBoxHead,
    MultiMixSSDHead,
)
from .mixed_form import MixedForm
from .multimix_loss import MultiMixLoss
from .roi_multimix import DenseRoIMultiMix, RoIMultiMix

__all__ = [
    'DenseMultiMixBBoxHead',
    'DenseMultiMixRoIHead',
    'DenseRoIMultiMix',
    'DetectionMultiMix',
    'MixedForm',
    'MultiMixBBoxHead',
    'MultiMixConvFCBBoxHead',
    'MultiMixLoss',
    'MultiMixSSDHead',
    'MultiMixShared2FCBBoxHead',
    'MultiMixShared4Conv1FCBBoxHead',
    'RoIMultiMix',
]
