"""Heads of two-stage detectors."""

from .bbox_heads import MultiMixShared2FCBBoxHead

__all__ = ['MultiMixShared2FCBBoxHead']
