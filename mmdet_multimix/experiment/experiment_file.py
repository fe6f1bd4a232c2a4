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


def work_root(path: str | Path) -> Path:
    """A work dir as the only path that it goes by: what is done is recognised by it, and locked.

    Raises:
        ValueError: It has characters that would not survive as part of a `--cfg-options` value.
    """
    root = Path(path).resolve()
    if wrong := re.search(r"""[\s,=(){}[\]'"]""", str(root)):
        raise ValueError(f'the work dir {root} has {wrong[0]!r} in it, which --cfg-options would not carry')
    return root


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
