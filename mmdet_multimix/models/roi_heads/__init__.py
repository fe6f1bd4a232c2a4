"""Heads of two-stage detectors."""

from .bbox_heads import DenseMultiMixBBoxHead, MultiMixShared2FCBBoxHead

__all__ = ['DenseMultiMixBBoxHead', 'MultiMixShared2FCBBoxHead']
