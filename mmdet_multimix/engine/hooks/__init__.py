"""Hooks of the Runner: MultiMix in unmodified configs, its schedule, and pictures of what it mixes."""

from .multimix_hook import MultiMixHook
from .schedule_hook import MultiMixScheduleHook
from .visualization_hook import MultiMixVisualizationHook

__all__ = ['MultiMixHook', 'MultiMixScheduleHook', 'MultiMixVisualizationHook']
