"""Whether a run reads the keys that somebody sets: a misspelt one changes nothing, and mmengine is silent."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmdet.registry import (
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TASK_UTILS,
    TRANSFORMS,
)
from mmengine.config import Config
from mmengine.runner import Runner

from ..utils.registered import arguments_of, registered
from .remark import Remark
from .walk import files_of

# What mmengine's and mmdet's runners and tools read of a config, beside the arguments of `Runner`.
_ALSO_READ = (
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
)
_RENAMED = {  # since mmdet 2
    'checkpoint_config': 'default_hooks.checkpoint',
    'data': 'train_dataloader, val_dataloader and test_dataloader',
    'dist_params': 'env_cfg.dist_cfg',
    'evaluation': 'train_cfg.val_interval and val_evaluator',
    'fp16': "optim_wrapper.type='AmpOptimWrapper'",
    'log_config': 'default_hooks.logger',
    'lr_config': 'param_scheduler',
    'optimizer': 'optim_wrapper.optimizer',
    'optimizer_config': 'optim_wrapper.clip_grad',
    'resume_from': 'load_from and resume=True',
    'runner': 'train_cfg',
    'seed': 'randomness.seed',
    'total_epochs': 'train_cfg.max_epochs',
}
_REGISTRIES = (MODELS, DATASETS, HOOKS, TRANSFORMS, METRICS, TASK_UTILS, OPTIMIZERS, PARAM_SCHEDULERS)
_ALIKE = 0.85  # of two names, one of which is taken for the other misspelt


def _read() -> set[str]:
    return {*inspect.signature(Runner.__init__).parameters, *_ALSO_READ} - {'self', 'cfg'}


def unread_overrides(cfg: Config, keys: Iterable[str]) -> Iterator[str]:
    """Find overrides that cannot have an effect, because no run reads what they set.

    Args:
        cfg: The config. One with a runner of its own may have any keys.
        keys: Dotted keys.

    Yields:
        A line for each.
    """
    for key in keys if not cfg.get('runner_type') else ():
        name = key.split('.')[0]
        if name not in _read():
            meant = f'model.{name}' if name in (cfg.get('model') or ()) else _meant(name)
            hint = f'. Did you mean {meant}?' if meant else ''
            yield f'the override {key} changes nothing: no run reads {name!r}{hint}'


def misspelt_overrides(cfg: Config, keys: Iterable[str]) -> Iterator[str]:
    """Find overrides that add a key beside one of almost the same name, which they seem to mean.

    Args:
        cfg: The config before it gets them.
        keys: Dotted keys.

    Yields:
        A line for each.
    """
    for key in keys:
        node: Any = cfg
        for depth, part in enumerate(key.split('.')):
            if isinstance(node, (list, tuple)):
                node = node[int(part)] if part.isdigit() and int(part) < len(node) else None
            elif isinstance(node, (dict, Config)) and part in node:
                node = node[part]
            else:
                siblings = list(node) if isinstance(node, dict) and depth and part not in _taken(node) else []
                close = difflib.get_close_matches(part, siblings, 1, _ALIKE)
                if close:
                    yield (
                        f'the override {key} adds a key {part!r}, which the config does not have there. Did '
                        f'you mean {close[0]}?'
                    )
                break


def _taken(node: dict[str, Any]) -> set[str]:
    """The arguments of the class that a part of a config names."""
    kinds = (registered(node.get('type'), registry) for registry in _REGISTRIES) if 'type' in node else ()
    return set(arguments_of(next((kind for kind in kinds if isinstance(kind, type)), None)))


def check_unread(cfg: Config) -> Iterator[str]:
    """Look for keys at the top of a config that are almost those that a run reads, or were in mmdet 2.

    Configs have variables of any name. One that a file uses itself is nobody's mistake, and one that no file
    has is an override, of which :func:`unread_overrides` tells.

    Args:
        cfg: The config. Of one that was not read from a file, or imports its bases, nothing is known.

    Yields:
        A remark for each.
    """
    texts = [Path(path).read_text(encoding='utf-8') for path in files_of(cfg)]
    read = _read()
    used = {name for text in texts for name in _used(text)}
    written = {name for text in texts for name in re.findall(r'\w+', text)}
    for name in cfg if not cfg.get('runner_type') else ():
        extended = name not in _RENAMED and any(name.startswith(f'{known}_') for known in read)
        meant = None if name in read | used or extended else _meant(name)
        if meant and name in written:
            yield Remark(f'{name}: no run reads this key, so that it changes nothing. Did you mean {meant}?')


def _used(text: str) -> set[str]:
    """The names that a config itself reads, those of its bases included."""
    found = {'_base_', *re.findall(r'\b_base_\.(\w+)', text)}
    with contextlib.suppress(SyntaxError):  # of JSON, YAML, and what mmengine fills in first
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
    return found


def _meant(name: str) -> str | None:
    close = difflib.get_close_matches(name, _read() - {'tta_model', 'tta_pipeline'}, 1, _ALIKE)
    return _RENAMED.get(name) or (close[0] if close else None)
