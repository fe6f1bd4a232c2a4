"""What to say of a config that is not there."""

from __future__ import annotations

import re
from pathlib import Path

_RENAMED = (
    # multi-mix, several interpolations of one pair, looked like MultiMix.
    (re.compile(r'multi_mix_(mixup|manifold_mixup|cutmix)'), r'\1_k5'),
)


def missing_config(path: str | Path) -> str:
    """One line on a config that does not exist, with its new name where it had another one.

    Args:
        path: The path that was given.
    """
    name = Path(path).name
    for pattern, replacement in _RENAMED:
        if pattern.search(name):
            return f'config {path} does not exist: it is called {pattern.sub(replacement, name)} now'
    return f'config {path} does not exist'
