"""The configs and tools that come with the package, wherever it is installed."""

from __future__ import annotations

import difflib
from pathlib import Path


def root() -> Path:
    """The folder of ``configs`` and ``tools``: ``.mim`` in an installed package, else the checkout."""
    package = Path(__file__).resolve().parent
    packed = package / '.mim'
    return packed if packed.is_dir() else package.parent


def config(name: str) -> str:
    """The path of one of this package's configs, for a ``_base_`` that works from any folder.

    In a config of one's own, where mmengine evaluates the right side::

        _base_ = __import__('mmdet_multimix').config('faster_rcnn_r50_multimix.py')

    Args:
        name: The path in ``configs``, with or without that folder and the ending.

    Raises:
        FileNotFoundError: There is no such config; with those of similar names.
    """
    folder = root() / 'configs'
    asked = Path(name.removeprefix('configs/'))
    path = folder / asked.with_suffix('.py')
    if path.is_file():
        return str(path)
    by_name = {found.name: str(found.relative_to(folder)) for found in sorted(folder.rglob('*.py'))}
    close = [by_name[found] for found in difflib.get_close_matches(path.name, by_name, cutoff=0.5)]
    hint = f'; did you mean {" or ".join(close)}?' if close else ''
    raise FileNotFoundError(f'mmdet_multimix has no config {name!r} in {folder}{hint}')
