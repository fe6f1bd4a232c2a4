"""Box heads."""

from .multimix_bbox_head import MultiMixShared2FCBBoxHead

__all__ = ['MultiMixShared2FCBBoxHead']
