"""What runs around a model: checks before training, hooks, and an optimizer wrapper."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .hooks import MissedValidationHook, MultiMixHook, MultiMixScheduleHook, MultiMixVisualizationHook
from .preflight import PreflightError, check_config

__all__ = [
    'BFloat16OptimWrapper',
    'MissedValidationHook',
    'MultiMixHook',
    'MultiMixScheduleHook',
    'MultiMixVisualizationHook',
    'PreflightError',
    'check_config',
]
