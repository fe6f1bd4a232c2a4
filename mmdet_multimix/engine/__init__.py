"""What runs around a model: checks before training, and hooks."""

from .hooks import MultiMixHook, MultiMixScheduleHook
from .preflight import PreflightError, check_config

__all__ = ['MultiMixHook', 'MultiMixScheduleHook', 'PreflightError', 'check_config']
