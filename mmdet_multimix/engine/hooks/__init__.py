"""Hooks of the Runner."""

from mmdet.registry import HOOKS

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

# mmengine has them, where every scope finds them; but in the scope of mmdet not as mmdet.MultiMixHook.
for _hook in [globals()[name] for name in __all__ if name.endswith('Hook')]:
    HOOKS.register_module(module=_hook)
