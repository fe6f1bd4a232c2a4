"""Mixing inside detectors: which examples are mixed, by which loss, and the heads and losses that do it."""

from .dense_roi_multimix import DenseRoIMultiMix
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
from .settings import MixingSettings

__all__ = [
    'DenseMultiMixBBoxHead',
    'DenseMultiMixRoIHead',
    'DenseRoIMultiMix',
    'DetectionMultiMix',
    'MixedForm',
    'MixingSettings',
    'MultiMixBBoxHead',
    'MultiMixConvFCBBoxHead',
    'MultiMixLoss',
    'MultiMixSSDHead',
    'MultiMixShared2FCBBoxHead',
    'MultiMixShared4Conv1FCBBoxHead',
]
