"""Whether code that is not mmdet's decides what a label or name means: the checks may then only say so."""

from __future__ import annotations

import inspect
import re
from typing import Any

from mmdet.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import Registry

from ..utils.registered import class_name, registered
from .walk import dataloaders, is_known, nodes

_LOOPS = ('EpochBasedTrainLoop', 'IterBasedTrainLoop', 'ValLoop', 'TestLoop', 'TeacherStudentValLoop')
_RUNNERS = (None, 'Runner', 'FlexibleRunner')


def has_own_model(cfg: Config) -> bool:
    """Whether a detector or a head is of another package: it may count the background, or read words."""
    return any(
        _is_own(node, MODELS)
        for key, node in nodes(cfg.get('model'), 'model')
        if key == 'model' or re.search(r'(head|detector)(\[\d+\])*$', key)
    )


def has_own_labels(cfg: Config, loaders: tuple[str, ...]) -> bool:
    """Whether a data set, its wrapper or a step of its pipeline may number classes in a way of its own."""
    for key, loader in dataloaders(cfg, loaders):
        for name, node in nodes(loader.get('dataset'), f'{key}.dataset'):
            in_pipeline = 'pipeline' in name or 'transforms' in name
            if not in_pipeline and _is_own(node, DATASETS):
                return True
            if in_pipeline and 'type' in node and _numbers_labels(node['type']):
                return True
    return False


def _is_own(node: dict[str, Any], registry: Registry) -> bool:
    return 'type' in node and not is_known(registered(node['type'], registry))


def _numbers_labels(kind: Any) -> bool:
    found = registered(kind, TRANSFORMS)
    if is_known(found) or (found is None and isinstance(kind, str)):  # such as steps inside Albu
        return False
    try:
        return 'label' in inspect.getsource(found or kind)
    except (OSError, TypeError):
        return True  # nobody knows


def may_rename_weights(cfg: Config) -> bool:
    """Whether a hook of another package changes checkpoints before their weights are loaded."""
    hooks = [hook for key in ('custom_hooks', 'default_hooks') for _, hook in nodes(cfg.get(key), key)]
    kinds = [registered(hook['type'], HOOKS) for hook in hooks if 'type' in hook]
    return not all(is_known(getattr(kind, 'after_load_checkpoint', Hook)) for kind in kinds)


def has_own_runner(cfg: Config) -> bool:
    """Whether what reads the config is none of mmengine's: it may need other keys, and take others."""
    return cfg.get('runner_type') not in _RUNNERS


def takes_several(cfg: Config, key: str) -> bool:
    """Whether a key may be a list: an evaluator's, or a dataloader's of a loop that is none of mmengine's."""
    loop = cfg.get(key.replace('_dataloader', '_cfg'))
    own = isinstance(loop, dict) and class_name(loop.get('type', _LOOPS[0])).split('.')[-1] not in _LOOPS
    return key.endswith('evaluator') or (key.endswith('_dataloader') and own)
