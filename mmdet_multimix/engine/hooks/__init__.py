"""Hooks of the Runner: MultiMix in unmodified configs, its schedule, and pictures of what it mixes."""

from .missed_validation_hook import MissedValidationHook
from .multimix_hook import MultiMixHook
from .schedule_hook import MultiMixScheduleHook
from .visualization_hook import MultiMixVisualizationHook

__all__ = ['MissedValidationHook', 'MultiMixHook', 'MultiMixScheduleHook', 'MultiMixVisualizationHook']
