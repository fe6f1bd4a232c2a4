"""What runs around a model: hooks and an optimizer wrapper."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .hooks import (
    CheckClassesHook,
    EpochSeedHook,
    IterSeedHook,
    MissedValidationHook,
    MultiMixHook,
    MultiMixScheduleHook,
    MultiMixVisualizationHook,
    SelfDistillationHook,
    WholeCheckpointHook,
    write_whole_checkpoints,
)

__all__ = [
    'BFloat16OptimWrapper',
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
