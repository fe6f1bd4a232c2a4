"""Whether a config has lost the hooks of its bases: a list in a config replaces that of its base."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from ..utils.registered import class_name
from .remark import Remark
from .walk import files_of

_ONE_OF = {'EpochSeedHook', 'IterSeedHook'}  # who takes the one leaves the other


def check_lost_hooks(cfg: Config) -> Iterator[str]:
    """Compare ``custom_hooks`` with those of the files that a config is based on.

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
    hooks = cfg.get('custom_hooks') or []
    return [class_name(hook['type']) for hook in hooks if isinstance(hook, dict) and 'type' in hook]
