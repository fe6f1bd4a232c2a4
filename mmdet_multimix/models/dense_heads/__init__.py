"""Heads of one-stage detectors."""

from .multimix_ssd_head import MultiMixSSDHead

__all__ = ['MultiMixSSDHead']
