"""Losses for people's own configs."""

from .multimix_loss import MultiMixLoss

__all__ = ['MultiMixLoss']
