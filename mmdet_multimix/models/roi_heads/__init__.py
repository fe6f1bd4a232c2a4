"""Heads of two-stage detectors."""

from .bbox_heads import (
    DenseMultiMixBBoxHead,
    MultiMixBBoxHead,
    MultiMixConvFCBBoxHead,
    MultiMixShared2FCBBoxHead,
    MultiMixShared4Conv1FCBBoxHead,
)
from .dense_multimix_roi_head import DenseMultiMixRoIHead

__all__ = [
    'DenseMultiMixBBoxHead',
    'DenseMultiMixRoIHead',
    'MultiMixBBoxHead',
    'MultiMixConvFCBBoxHead',
    'MultiMixShared2FCBBoxHead',
    'MultiMixShared4Conv1FCBBoxHead',
]
