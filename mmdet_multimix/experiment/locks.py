"""One process at a time per work dir, however the one before it ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL = 0.5  # seconds between two tries


@contextlib.contextmanager
def locked(
    folder: str | Path, *, wait: bool = True, on_wait: Callable[[], None] | None = None
) -> Iterator[int | None]:
    """Holds the lock of a folder; the kernel gives it back when the last process that holds it ends.

    Args:
        folder: What is locked. The lock is the file beside it with `.lock` appended, which stays.
        wait: Whether to wait for another holder.
        on_wait: Called once before waiting.

    Yields:
        The file descriptor of the lock, or None where another process holds it and `wait` is false. A command
        started with the descriptor among its `pass_fds` holds the lock too, so that a killed driver's
        training, which may outlive it, keeps everybody else out of its work dir.
    """
    folder = Path(folder)
    path = folder.with_name(folder.name + '.lock')
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        held = _try(descriptor)
        if not held and wait:
            if on_wait is not None:
                on_wait()
            while not held:
                time.sleep(_POLL)
                held = _try(descriptor)
        yield descriptor if held else None
    finally:
        os.close(descriptor)  # gives the lock back, unless a child still runs


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
