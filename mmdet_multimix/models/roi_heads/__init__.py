"""Heads of two-stage detectors."""

from .bbox_heads import (
    DenseMultiMixBBoxHead,
    MultiMixBBoxHead,
    MultiMixConvFCBBoxHead,
    MultiMixShared2FCBBoxHead,
    MultiMixShared4Conv1FCBBoxHead,
)

__all__ = [
    'DenseMultiMixBBoxHead',
    'MultiMixBBoxHead',
    'MultiMixConvFCBBoxHead',
    'MultiMixShared2FCBBoxHead',
    'MultiMixShared4Conv1FCBBoxHead',
]
