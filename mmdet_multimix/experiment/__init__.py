"""Runs that one command starts, watches, and takes up again after an interruption."""

from .run import Progress, Run, RunFailedError
from .scalars import last_scalar, read_scalars

__all__ = ['Progress', 'Run', 'RunFailedError', 'last_scalar', 'read_scalars']
