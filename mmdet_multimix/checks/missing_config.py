"""What to say of a config that is not there."""

from __future__ import annotations

import re
from pathlib import Path

# multi-mix, several interpolations of one pair, looked like MultiMix.
_OLD = re.compile(r'(\w*)multi_mix_(mixup|manifold_mixup|cutmix)(\w*\.py)')


def missing_config(path: str | Path) -> str:
    """One line on a config that does not exist, with its new name where it had another one.

    Args:
        path: The path that was given.
    """
    return f'config {path} does not exist{new_name(str(path))}'


def new_name(text: str) -> str:
    """What to add to a text that names a config which is called otherwise now; else nothing.

    Args:
        text: A path or a message with one.
    """
    found = _OLD.search(text)
    return f': it is called {found[1]}{found[2]}_k5{found[3]} now' if found else ''
