"""What runs around a model: checks before training, and hooks."""

from .hooks import MultiMixHook, MultiMixScheduleHook, MultiMixVisualizationHook
from .preflight import PreflightError, check_config

__all__ = [
    'MultiMixHook',
    'MultiMixScheduleHook',
    'MultiMixVisualizationHook',
    'PreflightError',
    'check_config',
]
