"""Box heads."""

from .dense_multimix_bbox_head import DenseMultiMixBBoxHead
from .multimix_bbox_head import (
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
