"""Whether the hooks of a config take what they are given, and whether it has lost those of its bases."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.config import Config

from ..utils.registered import class_name, registered
from .own_code import has_own_runner
from .remark import Remark
from .walk import files_of

_OF_MMENGINE = {'type', 'priority', '_scope_'}  # which it takes out before it makes a hook
_ONE_OF = {'EpochSeedHook', 'IterSeedHook'}  # who takes the one leaves the other


def check_hook_arguments(cfg: Config) -> Iterator[str]:
    """Look for keys that the class of a hook does not take, such as those of another hook of the list.

    A training ends on them as it begins, but that of an experiment does not begin at once.

    Args:
        cfg: The config. Of a hook that takes ``**kwargs``, or is not registered, nothing is known, nor of
            those that a runner of one's own makes.

    Yields:
        A line for each.
    """
    for where, hook in () if has_own_runner(cfg) else _hooks(cfg):
        kind = registered(hook['type'], HOOKS)
        if not isinstance(kind, type):
            continue
        taken = inspect.signature(kind, follow_wrapped=False).parameters  # decorators may rename arguments
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
            continue
        for key in sorted(hook.keys() - _OF_MMENGINE - taken.keys()):
            known = ', '.join(taken) or 'nothing'
            yield f'{where}: {class_name(hook["type"])} takes no {key!r}; it takes {known}'


def check_lost_hooks(cfg: Config) -> Iterator[str]:
    """Compare ``custom_hooks`` with those of the files that a config is based on, which a list replaces.

    RTMDet without its ``PipelineSwitchHook`` or YOLOX without its ``EMAHook`` trains, and ends elsewhere. An
    empty list is taken for what is meant. Bases that are imported (``with read_base()``) are not looked at.

    Args:
        cfg: The config. One that was not read from a file has nothing to lose.

    Yields:
        A remark with the hooks that are in no list any more.
    """
    if not cfg.get('custom_hooks'):
        return
    there = set(_types(cfg))
    there |= _ONE_OF if there & _ONE_OF else set()
    lost: dict[str, str] = {}
    for path in files_of(cfg):
        if _sets_hooks(path):
            new = [name for name in _types(Config.fromfile(path)) if name not in there]
            lost.update({name: Path(path).name for name in new if name not in lost})
    if lost:
        named = ', '.join(f'{name} ({path})' for name, path in lost.items())
        yield Remark(
            f'custom_hooks: a list replaces that of its base, so these hooks do not run: {named}. To keep '
            'them, write custom_hooks = [*_base_.custom_hooks, dict(type=...)]; or an empty list to run none'
        )


def _sets_hooks(path: str) -> bool:
    """Whether the text of a file gives ``custom_hooks``; reading a config with its bases takes longer."""
    text = Path(path).read_text(encoding='utf-8')
    if 'custom_hooks' not in text or not path.endswith('.py'):
        return 'custom_hooks' in text
    targets: list[ast.expr] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return any(isinstance(target, ast.Name) and target.id == 'custom_hooks' for target in targets)


def _types(cfg: Config) -> list[str]:
    return [class_name(hook['type']) for where, hook in _hooks(cfg) if where.startswith('custom_hooks')]


def _hooks(cfg: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    """The places of all hooks, and what makes them."""
    named = [(f'custom_hooks.{i}', hook) for i, hook in enumerate(cfg.get('custom_hooks') or ())]
    named += [(f'default_hooks.{name}', hook) for name, hook in (cfg.get('default_hooks') or {}).items()]
    return ((where, hook) for where, hook in named if isinstance(hook, dict) and 'type' in hook)
