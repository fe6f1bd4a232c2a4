"""Measures of trained models as mmengine metrics."""

from .cls_accuracy import ClsAccuracy

__all__ = ['ClsAccuracy']
