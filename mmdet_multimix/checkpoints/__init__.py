"""Checkpoints: reading them safely, matching their weights with a model, exporting backbones."""

from .loading import load_whole
from .matching import MatchedState, match_state_dict
from .pretrained import MultiMixPretrained
from .publish import publish_backbone
from .reading import latest_checkpoint, read_checkpoint, state_dict_of

__all__ = [
    'MatchedState',
    'MultiMixPretrained',
    'latest_checkpoint',
    'load_whole',
    'match_state_dict',
    'publish_backbone',
    'read_checkpoint',
    'state_dict_of',
]
