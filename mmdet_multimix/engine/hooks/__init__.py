"""Hooks of the Runner: MultiMix in unmodified configs, and its schedule."""

from .multimix_hook import MultiMixHook
from .schedule_hook import MultiMixScheduleHook

__all__ = ['MultiMixHook', 'MultiMixScheduleHook']
