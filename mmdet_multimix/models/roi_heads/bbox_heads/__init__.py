"""Box heads."""

from .dense_multimix_bbox_head import DenseMultiMixBBoxHead
from .multimix_bbox_head import MultiMixShared2FCBBoxHead

__all__ = ['DenseMultiMixBBoxHead', 'MultiMixShared2FCBBoxHead']
