"""Classification heads: cross-entropy, MultiMix and Dense MultiMix over one linear classifier."""

from .linear_cls_head import LinearClsHead
from .multimix_head import DenseMultiMixHead, MultiMixHead

__all__ = ['DenseMultiMixHead', 'LinearClsHead', 'MultiMixHead']
