"""What the readers of experiment files share: keys, paths and names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config

from mmdet_multimix.checks.config_file import read_config
from mmdet_multimix.utils.files import check_folder


def read_experiment(path: str | Path, folder: str) -> Config:
    """An experiment file without what starts with an underscore, which serves the file itself.

    Args:
        path: The file.
        folder: Where the shipped ones are, for the message.

    Raises:
        ValueError: It is not there, or cannot be read as a config.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f'experiment {path} does not exist; there are some in {folder}')
    cfg = read_config(path)
    try:
        return Config({key: value for key, value in cfg.items() if not key.startswith('_')})
    except ImportError as error:  # in a config that imports, whatever is used of it
        raise ValueError(f'{path}: {error}') from error


def beside(path: Path, config: str) -> Path:
    """The path of a config that an experiment file names relative to itself."""
    return Path(os.path.normpath(path.parent / config))


def many(count: int, word: str) -> str:
    """A number of things: `1 seed`, `2 seeds`."""
    return f'{count} {word}' if count == 1 else f'{count} {word}s'


def slug(name: str) -> str:
    """A name as part of a path."""
    return re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')


def check_names(where: str, names: Iterable[str]) -> None:
    """Refuse names that would be the same part of a path, or none.

    Raises:
        ValueError: With the names.
    """
    found: dict[str, str] = {}
    for name in names:
        if not slug(name):
            raise ValueError(
                f'{where}: {name!r} has no letter a to z or digit to name its folder by; rename it'
            )
        if slug(name) in found:
            raise ValueError(
                f'{where}: {found[slug(name)]!r} and {name!r} would share the folder {slug(name)}; rename one'
            )
        found[slug(name)] = name


def work_root(path: str | Path) -> Path:
    """A work dir as the only path that it goes by: what is done is recognised by it, and locked.

    Raises:
        ValueError: It has characters that would not survive as part of a `--cfg-options` value.
    """
    root = Path(path).resolve()
    if wrong := re.search(r"""[\s,=(){}[\]'"]""", str(root)):
        raise ValueError(f'the work dir {root} has {wrong[0]!r} in it, which --cfg-options would not carry')
    check_folder('the work dir', root)
    return root


def check_types(where: str, entry: dict, kinds: dict[str, type | tuple[type, ...]]) -> None:
    """Refuse values of another type.

    Args:
        where: What the entry is, for the message.
        entry: The values; those that are left out, or None, are not looked at.
        kinds: What each may be.

    Raises:
        ValueError: With the first that is something else.
    """
    for key, kind in kinds.items():
        value = entry.get(key)
        if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            continue
        allowed = ' or '.join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise ValueError(f'{where}: {key} must be a {allowed}, got {value!r}')


def check_keys(where: str, entry: dict, required: set[str], optional: set[str]) -> None:
    """Refuse what is misspelt or left out.

    Raises:
        ValueError: A key is missing or unknown.
    """
    if not isinstance(entry, dict):
        raise ValueError(f'{where} must be a dict, got {entry!r}')
    missing, unknown = required - set(entry), set(entry) - required - optional
    if missing:
        raise ValueError(f'{where} lacks {", ".join(sorted(missing))}')
    if unknown:
        known = ', '.join(sorted(required | optional))
        raise ValueError(f'{where} has unknown {", ".join(sorted(unknown))}; known are {known}')
