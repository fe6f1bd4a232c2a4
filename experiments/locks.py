"""Kernel locks: whoever dies, however it dies, gives its lock back."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: str | Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Holds a lock file, which stays where it is.

    Args:
        path: The file. It is made where it is not there.
        on_wait: Called once before waiting for another holder.

    Yields:
        The descriptor. A child that inherits it holds the lock too, so that the processes of a killed cell
        keep others out as long as one of them lives.
    """
    descriptor = open_lock(path)
    try:
        if not try_lock(descriptor):
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: str | Path) -> bool:
    """Whether some process holds a lock file."""
    if not Path(path).exists():
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def open_lock(path: str | Path) -> int:
    """A descriptor of a lock file, not locked yet."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # a group may share the work dir


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock without waiting; return whether that was possible."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
