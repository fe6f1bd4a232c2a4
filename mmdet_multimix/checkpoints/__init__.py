"""Checkpoints: reading them safely, matching their weights with a model, exporting backbones."""

from .checkpoint import (
    MatchedState,
    latest_checkpoint,
    load_whole,
    match_state_dict,
    read_checkpoint,
    state_dict_of,
)
from .pretrained import MultiMixPretrained
from .publish import publish_backbone

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
