"""Whether the checkpoint files that a config names are there, and of the same classes."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from ..checkpoints.loading import check_some_fits
from ..checkpoints.reading import read_checkpoint
from ..checkpoints.stored_classes import classes_of
from .classes import check_stored
from .walk import DataSet, class_name, is_there, nodes

_BACKBONE = (
    'pretrain one with tools/train.py and a config of configs/pretrain, then export it: '
    'python tools/publish_backbone.py WORK_DIR/CHECKPOINT.pth {path}'
)
# Backbones of mmdet whose init_weights never asks, or overwrites, the initialiser in init_cfg.
_OWN_LOADERS = {'SwinTransformer', 'PyramidVisionTransformer', 'HourglassNet', 'DetectoRS_ResNet'}


def _is_there(path: str) -> bool:
    """Whether a checkpoint exists; of all paths, mmengine expands the tilde of these alone."""
    return is_there(os.path.expanduser(path))


def check_load_from(cfg: Config) -> Iterator[str]:
    """Look for the checkpoint that the whole model is loaded from."""
    if cfg.get('load_from') and not _is_there(cfg.load_from):
        yield f'load_from: checkpoint {cfg.load_from} does not exist'


def check_start(cfg: Config) -> Iterator[str]:
    """Look for the model's parameters in the checkpoint that a training starts from.

    mmengine only warns where nothing matches, and the training starts from random weights.

    Args:
        cfg: The config of a training that does not resume.

    Yields:
        What is wrong with the checkpoint.
    """
    path = cfg.get('load_from')
    if not path or '://' in path or not _is_there(path) or 'model' not in cfg:
        return
    names = _state_of(cfg)
    try:
        if names is not None:
            check_some_fits(names, path)
    except ValueError as error:
        yield f'load_from: {error}'


def _state_of(cfg: Config) -> dict[str, Tensor] | None:
    """Names and shapes of a model, without memory for it; None where only its training can build it."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    try:
        with torch.random.fork_rng(devices=[]), torch.device('meta'):
            return MODELS.build(copy.deepcopy(cfg.model)).state_dict()
    except Exception:  # whatever a model does while it is built: the runner will build it and say so
        return None


def check_stored_classes(cfg: Config, sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes in the checkpoint that is resumed or tested with those of the config.

    Args:
        cfg: The config.
        sets: Its data sets.

    Yields:
        A line where a label means something else, a remark where names differ otherwise.
    """
    path = cfg.get('load_from')
    if path and '://' not in path and _is_there(path):
        try:
            stored = classes_of(read_checkpoint(path))
        except ValueError as error:
            yield f'load_from: {error}'
            return
        yield from check_stored(cfg, path, stored, sets) if stored else ()


def check_initial_weights(cfg: Config) -> Iterator[str]:
    """Look for the checkpoint of every ``init_cfg`` in the model, and for backbones that would ignore it."""
    for key, node in nodes(cfg.get('model') or {}, 'model'):
        init_cfg = node.get('init_cfg')
        for init in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
            kind = class_name(init.get('type')) if isinstance(init, dict) else None
            if kind not in ('MultiMixPretrained', 'Pretrained', 'PretrainedInit'):
                continue
            path = init.get('checkpoint')
            if not path:
                yield f'{key}.init_cfg: {kind} needs checkpoint=...'
            elif not _is_there(path):
                yield f'{key}.init_cfg.checkpoint: {path} does not exist; {_BACKBONE.format(path=path)}'
            if kind == 'MultiMixPretrained' and _loads_by_itself(node.get('type')):
                yield (
                    f'{key}.init_cfg: {class_name(node["type"])} reads init_cfg with a loader of its own; '
                    'move it to the detector: model=dict(init_cfg=dict(type="MultiMixPretrained", ...))'
                )


def _loads_by_itself(kind: Any) -> bool:
    kind = kind if isinstance(kind, type) else MODELS.get(class_name(kind))
    return bool(_OWN_LOADERS & {parent.__name__ for parent in getattr(kind, '__mro__', ())})
