"""Runs that one command starts, watches, and takes up again after an interruption."""

from mmdet_multimix.utils.locks import locked

from .jobs import Job, Jobs, Outcome
from .launch import Launcher
from .progress import Progress
from .run import Run, RunFailedError
from .scalars import last_scalar, read_scalars
from .stages import backbone_file, detector_job, pretrain_job

__all__ = [
    'Job',
    'Jobs',
    'Launcher',
    'Outcome',
    'Progress',
    'Run',
    'RunFailedError',
    'backbone_file',
    'detector_job',
    'last_scalar',
    'locked',
    'pretrain_job',
    'read_scalars',
]
