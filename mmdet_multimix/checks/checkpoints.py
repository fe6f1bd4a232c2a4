"""Whether the checkpoint files that a config names are there, and of the same classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.model import BaseModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..checkpoints.loading import check_some_fits
from ..checkpoints.matching import match_state_dict
from ..checkpoints.normalisation import normalisation_of, read_normalisation
from ..checkpoints.reading import read_checkpoint, state_dict_of
from ..checkpoints.stored_classes import classes_of
from ..utils.names import shorten
from ..utils.registered import class_name, registered
from .classes import check_stored
from .own_code import may_rename_weights
from .remark import Remark
from .shapes import build_shapes
from .walk import DataSet, is_there, nodes

_BACKBONE = (
    'pretrain one with tools/train.py and a config of configs/pretrain, then export it: '
    'python tools/publish_backbone.py WORK_DIR/CHECKPOINT.pth {path}'
)
# Backbones of mmdet whose init_weights never asks, or overwrites, the initialiser in init_cfg.
_OWN_LOADERS = {'SwinTransformer', 'PyramidVisionTransformer', 'HourglassNet', 'DetectoRS_ResNet'}
_OWN_WEIGHTS = ('pretrained', 'checkpoint', 'weights')  # by which backbones of others load them


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
    said = Remark if may_rename_weights(cfg) else str
    model = _model_of(cfg)
    try:
        if model is not None:
            check_some_fits(model, path)
    except ValueError as error:
        yield said(f'load_from: {error}')


def _model_of(cfg: Config) -> nn.Module | None:
    """A model without memory for its parameters; None where only its training can build it."""
    try:
        return build_shapes(cfg, cfg.model)
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
        for init in pretrained_loaders(node):
            kind = class_name(init['type'])
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


def check_begun(cfg: Config) -> Iterator[str]:
    """Look for parts of a model that begin with random weights though they are meant not to.

    Args:
        cfg: The config of a training that neither resumes nor loads the whole model.

    Yields:
        A line for a file of which mmengine's ``Pretrained`` would load nothing, which it only logs; a remark
        for a backbone that stays random where it is frozen, and for one that was trained on other numbers.
    """
    model = cfg.get('model') or {}
    for key, node in nodes(model, 'model') if not cfg.get('load_from') else ():
        loaders = list(pretrained_loaders(node))
        if loaders:
            checkpoint = _stored_at(loaders[-1].get('checkpoint'))
            if checkpoint is not None:
                yield from _nothing_loaded(cfg, key, node, loaders[-1], checkpoint)
                yield from _other_input(cfg, key, loaders[-1]['checkpoint'], checkpoint)
        elif key.endswith('.backbone') and not any(pretrained_loaders(model)):
            yield from _stays_random(cfg, key, node)


def pretrained_loaders(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The loaders of weights in the ``init_cfg`` of a part of a model.

    Args:
        node: Config of the part.
    """
    init_cfg = node.get('init_cfg')
    for init in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
        if isinstance(init, dict) and 'Pretrained' in class_name(init.get('type')):
            yield init


def _stored_at(path: str | None) -> dict | None:
    """A checkpoint on this machine, None where there is none that can be read: whoever loads it says so."""
    if not path or '://' in path or not _is_there(path):
        return None
    try:
        return read_checkpoint(path)
    except (OSError, ValueError):
        return None


def _built(cfg: Config, node: dict[str, Any]) -> nn.Module | None:
    """A part of a model, without memory for it; None where it cannot be built alone, or has its own start."""
    kind = registered(node.get('type'), MODELS)
    if getattr(kind, 'init_weights', None) is not BaseModule.init_weights:
        return None
    try:
        module = build_shapes(cfg, node)
    except Exception:  # the runner will build the whole model and say so
        return None
    module.train()  # which mmdet's let return nothing
    return module


def _nothing_loaded(
    cfg: Config, key: str, node: dict[str, Any], init: dict[str, Any], checkpoint: dict
) -> Iterator[str]:
    path, prefix = init['checkpoint'], init.get('prefix')
    if class_name(init['type']) == 'MultiMixPretrained':
        return  # it says itself what does not fit
    module = _built(cfg, node)
    state = state_dict_of(checkpoint) if module else {}
    try:
        matched = match_state_dict(state, module.state_dict() if module else {})
    except ValueError:  # two prefixes fit, and the one in init_cfg decides
        return
    given = f'{prefix.rstrip(".")}.' if prefix else ''
    loaded = any(f'{start}{given}{name}' in state for name in matched.state for start in ('', 'module.'))
    if matched.state and not loaded:
        yield (
            f'{key}.init_cfg: nothing of {path} would be loaded, as its names begin with {matched.prefix!r}. '
            f'Set prefix={matched.prefix!r}, or type="MultiMixPretrained", which finds them'
        )


def _other_input(cfg: Config, key: str, path: str, checkpoint: dict) -> Iterator[str]:
    given = read_normalisation((cfg.get('model') or {}).get('data_preprocessor'))
    learnt = normalisation_of(checkpoint)
    if given and learnt and not learnt.is_like(given):
        yield Remark(
            f'{key}.init_cfg: {path} was trained on images in {learnt}, but model.data_preprocessor gives it '
            f'{given}. Set it to the first, and bgr_to_rgb={learnt.order == "RGB"}'
        )


def _stays_random(cfg: Config, key: str, node: dict[str, Any]) -> Iterator[str]:
    module = None if any(map(node.get, _OWN_WEIGHTS)) else _built(cfg, node)
    parts = module.named_modules() if module else ()
    fixed = [f'{name}.{own}' for name, part in parts for own in _fixed(part)]
    if fixed:
        yield Remark(
            f'{key} loads no weights, but {shorten(fixed, 2)} stay as they begin. Set its init_cfg; or '
            'frozen_stages=-1, norm_eval=False and norm_cfg=dict(requires_grad=True) to train it from scratch'
        )


def _fixed(part: nn.Module) -> Iterator[str]:
    """What does not change in training: its own parameters, and the statistics of a batch norm."""
    yield from (name for name, value in part.named_parameters(recurse=False) if not value.requires_grad)
    if isinstance(part, _BatchNorm) and not part.training:
        yield 'running_mean'


def _loads_by_itself(kind: Any) -> bool:
    parents = getattr(registered(kind, MODELS), '__mro__', ())
    return bool(_OWN_LOADERS & {parent.__name__ for parent in parents})
