"""Heads of detectors that mix their own examples."""

from .dense_multimix_bbox_head import DenseMultiMixBBoxHead
from .dense_multimix_roi_head import DenseMultiMixRoIHead
from .multimix_heads import (
    MultiMixBBoxHead,
    MultiMixConvFCBBoxHead,
    MultiMixShared2FCBBoxHead,
    MultiMixShared4Conv1FCBBoxHead,
    MultiMixSSDHead,
)

__all__ = [
    'DenseMultiMixBBoxHead',
    'DenseMultiMixRoIHead',
    'MultiMixBBoxHead',
    'MultiMixConvFCBBoxHead',
    'MultiMixSSDHead',
    'MultiMixShared2FCBBoxHead',
    'MultiMixShared4Conv1FCBBoxHead',
]
