"""Whether the checkpoint files that a config names are there, and of the same classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mmdet.registry import MODELS
from mmengine.config import Config

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


def check_load_from(cfg: Config) -> Iterator[str]:
    """Look for the checkpoint that the whole model is loaded from."""
    if cfg.get('load_from') and not is_there(cfg.load_from):
        yield f'load_from: checkpoint {cfg.load_from} does not exist'


def check_stored_classes(cfg: Config, sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes in the checkpoint that is resumed or tested with those of the config.

    Args:
        cfg: The config.
        sets: Its data sets.

    Yields:
        A line where a label means something else, a remark where names differ otherwise.
    """
    path = cfg.get('load_from')
    if path and '://' not in path and is_there(path):
        try:
            stored = classes_of(read_checkpoint(path))
        except ValueError as error:
            yield f'load_from: {error}'
            return
        yield from check_stored(path, stored, sets) if stored else ()


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
            elif not is_there(path):
                yield f'{key}.init_cfg.checkpoint: {path} does not exist; {_BACKBONE.format(path=path)}'
            if kind == 'MultiMixPretrained' and _loads_by_itself(node.get('type')):
                yield (
                    f'{key}.init_cfg: {class_name(node["type"])} reads init_cfg with a loader of its own; '
                    'move it to the detector: model=dict(init_cfg=dict(type="MultiMixPretrained", ...))'
                )


def _loads_by_itself(kind: Any) -> bool:
    kind = kind if isinstance(kind, type) else MODELS.get(class_name(kind))
    return bool(_OWN_LOADERS & {parent.__name__ for parent in getattr(kind, '__mro__', ())})
