"""What the readers of experiment files share: keys, paths and names."""

from __future__ import annotations

import os
import re
from pathlib import Path


def beside(path: Path, config: str) -> Path:
    """The path of a config that an experiment file names relative to itself."""
    return Path(os.path.normpath(path.parent / config))


def slug(name: str) -> str:
    """A name as part of a path."""
    return re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')


def check_keys(where: str, entry: dict, required: set[str], optional: set[str]) -> None:
    """Refuse what is misspelt or left out.

    Raises:
        ValueError: A key is missing or unknown.
    """
    missing, unknown = required - set(entry), set(entry) - required - optional
    if missing:
        raise ValueError(f'{where} lacks {", ".join(sorted(missing))}')
    if unknown:
        known = ', '.join(sorted(required | optional))
        raise ValueError(f'{where} has unknown {", ".join(sorted(unknown))}; known are {known}')
