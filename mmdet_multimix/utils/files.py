"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, and move what was written there to ``path``.

    A reader of ``path`` finds the old file or the whole new one. If the body of the ``with`` raises, the old
    file stays. The temporary path lies in a new folder beside ``path`` that only this process can predict,
    so that no other process writes to it, and no symbolic link waits there.

    Args:
        path: The file to write, or a folder that does not exist. Its parent folder is created.

    Yields:
        A path of the same name to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.part-', dir=path.parent) as folder:
        partial = Path(folder, path.name)
        yield partial
        partial.replace(path)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        path: The file. Its parent folder is created.
        text: What it will hold.
    """
    with atomic_path(path) as partial:
        partial.write_text(text)
