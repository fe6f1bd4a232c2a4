"""Checkpoints: reading them safely, matching their weights with a model, exporting backbones."""

from .allowed import allow_checkpoint_globals
from .loading import load_whole
from .matching import MatchedState, match_state_dict
from .pretrained import MultiMixPretrained
from .publish import publish_backbone
from .reading import read_checkpoint, state_dict_of
from .resuming import Latest, NotResumableError, check_resumable, find_latest
from .safe_loading import UnsafeCheckpointError, load_weights_only

__all__ = [
    'Latest',
    'MatchedState',
    'MultiMixPretrained',
    'NotResumableError',
    'UnsafeCheckpointError',
    'allow_checkpoint_globals',
    'check_resumable',
    'find_latest',
    'load_weights_only',
    'load_whole',
    'match_state_dict',
    'publish_backbone',
    'read_checkpoint',
    'state_dict_of',
]
