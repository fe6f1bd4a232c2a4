"""Files that are whole or absent, whenever the process that writes them is killed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_SUFFIX = '.part'
_LONGEST = 200  # characters of a name that are repeated in the partial file's


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file to write, which stands under its name only when all of it is on the disk.

    A file of that name stays as it is until then, and for good where the block raises. No link is followed:
    neither one that somebody has put where the partial file goes, nor one of the file's own name, which is
    replaced.

    Args:
        path: File to write, in a folder that exists.

    Yields:
        The partial file, a hidden one in the same folder.
    """
    path = Path(path)
    partial = path.with_name(f'.{path.name[:_LONGEST]}.{secrets.token_hex(4)}{_SUFFIX}')
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # exclusive: not through a link either
    try:
        with os.fdopen(os.open(partial, flags, 0o666), 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def remove_partial_files(folder: str | Path, pattern: str) -> None:
    """Removes what kills have left of files that were being written.

    Args:
        folder: Where they were written, by nobody at the moment.
        pattern: Of the names that they were to have, such as `'*.pth'`.
    """
    for path in Path(folder).glob(f'.{pattern}.{"[0-9a-f]" * 8}{_SUFFIX}'):
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Has the new name on the disk, too, where folders can be written back on their own."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
