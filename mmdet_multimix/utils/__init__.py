"""Helpers that know nothing of models or data."""

from .checkpoint import MatchedState, latest_checkpoint, load_whole, match_state_dict, read_checkpoint

__all__ = ['MatchedState', 'latest_checkpoint', 'load_whole', 'match_state_dict', 'read_checkpoint']
