"""What is checked before anything long starts: configs, data, class names, checkpoint files and metrics."""

from .preflight import PreflightError, check_config

__all__ = ['PreflightError', 'check_config']
