"""Helpers that know nothing of models or data."""

from .progress import Progress

__all__ = ['Progress']
