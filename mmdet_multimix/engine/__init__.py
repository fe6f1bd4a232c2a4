"""What runs around a model: checks before training."""

from .preflight import PreflightError, check_config

__all__ = ['PreflightError', 'check_config']
