"""Hooks of the Runner."""

from .check_classes_hook import CheckClassesHook
from .missed_validation_hook import MissedValidationHook
from .multimix_hook import MultiMixHook
from .schedule_hook import MultiMixScheduleHook
from .seed_hooks import EpochSeedHook, IterSeedHook
from .self_distillation_hook import SelfDistillationHook
from .visualization_hook import MultiMixVisualizationHook
from .whole_checkpoint_hook import WholeCheckpointHook, write_whole_checkpoints

__all__ = [
    'CheckClassesHook',
    'EpochSeedHook',
    'IterSeedHook',
    'MissedValidationHook',
    'MultiMixHook',
    'MultiMixScheduleHook',
    'MultiMixVisualizationHook',
    'SelfDistillationHook',
    'WholeCheckpointHook',
    'write_whole_checkpoints',
]
