"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .one_line import InputError

_SUFFIX = '.part'
_LONGEST = 200  # bytes of a name that are repeated in the partial file's


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file to write, which stands under its name only when all of it is on the disk.

    A file of that name stays as it is until then, and for good where the block raises. No link is followed:
    neither one that somebody has put where the partial file goes, nor one of the file's own name, which is
    replaced.

    Args:
        path: File to write; missing folders are made.

    Yields:
        The partial file, a hidden one in the same folder.
    """
    path = Path(path)
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST])
    partial = path.with_name(f'.{name}.{secrets.token_hex(4)}{_SUFFIX}')
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # exclusive: not through a link either
    try:
        with os.fdopen(os.open(partial, flags, 0o666), 'wb') as file:
            _lock(file.fileno(), 'LOCK_EX')  # until it is closed: it is no leftover
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.strerror and error.filename is None:  # of a full disk
            error.filename = str(path)
        raise
    _sync(path.parent)


def remove_partial_files(folder: str | Path, pattern: str) -> None:
    """Removes what kills have left of files that were being written.

    Args:
        folder: Where they were written. What another process is writing stays.
        pattern: Of the names that they were to have, such as ``'*.pth'``.
    """
    for path in Path(folder).glob(f'.{pattern}.{"[0-9a-f]" * 8}{_SUFFIX}'):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)  # it may be another user's, in a shared folder
            try:
                leftover = _lock(descriptor, 'LOCK_SH')  # network file systems want the other to be writable
            finally:
                os.close(descriptor)  # before it is removed: Windows keeps what is open
            if leftover:
                path.unlink(missing_ok=True)


def _lock(descriptor: int, kind: str) -> bool:
    """Lock a file as long as it is open; False where another process has."""
    try:
        import fcntl  # not on Windows

        fcntl.flock(descriptor, getattr(fcntl, kind) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # a file system without locks
        pass
    return True


def _sync(folder: Path) -> None:
    """Has the new name on the disk, too, where folders can be written back on their own."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        path: As for :func:`whole_file`.
        text: What it will hold, in UTF-8.
    """
    with whole_file(path) as file:
        file.write(text.encode())


def check_folder(name: str, path: str | Path) -> None:
    """Refuse a folder that cannot be made or written to, before anything long is done for it.

    Args:
        name: What it is, for the message.
        path: The folder, which need not exist.

    Raises:
        InputError: It, or a folder above it, is a file or may not be written to.
    """
    if '://' in str(path):
        return
    path = Path(path)
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if os.path.lexists(folder))
        if not existing.is_dir():
            what = 'it is' if existing == path else f'{existing} is'
            raise InputError(f'{name} {path} cannot be a folder: {what} a file, or a link that leads nowhere')
    except OSError as error:  # a name that is too long, a loop of links
        raise InputError(f'{name} {path} cannot be a folder: {error.strerror}') from error
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f'{name} {path} cannot be written to: no permission to write in {existing}')


def check_target(name: str, path: str | Path) -> None:
    """Refuse a file that cannot be written, before anything long is done for it.

    Args:
        name: What it is, for the message.
        path: The file, which need not exist.

    Raises:
        InputError: It is a folder, or its folder cannot be made or written to.
    """
    if Path(path).is_dir():
        raise InputError(f'{name} {path} is a folder; give a file')
    check_folder(f'the folder of {name}', Path(path).parent)


def check_new_file(name: str, path: str | Path, force: bool) -> None:
    """Refuse a file that cannot be written, or is there already unless ``force`` is given.

    Args:
        name: What it is, for the message.
        path: The file.
        force: Whether one that is there may be replaced.

    Raises:
        InputError: As :func:`check_target`, and where something has the name, be it a link to nowhere.
    """
    if os.path.lexists(path) and not force:
        raise InputError(f'{path} exists already; give --force to replace it')
    check_target(name, path)
