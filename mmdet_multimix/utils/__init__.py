"""Helpers that know nothing of models or data."""

from .checkpoint import MatchedState, match_state_dict, read_checkpoint

__all__ = ['MatchedState', 'match_state_dict', 'read_checkpoint']
