"""One process at a time per work dir, however the one before it ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL = 0.5  # seconds between two tries
_VARIABLE = 'MULTIMIX_LOCKED_FOLDER'  # tells processes that inherit no descriptor what they work in


@contextlib.contextmanager
def locked(
    folder: str | Path, *, wait: bool = True, on_wait: Callable[[], None] | None = None
) -> Iterator[int | None]:
    """Holds the lock of a folder; the kernel gives it back when the last process that holds it ends.

    Args:
        folder: What is locked. The lock is the file beside it with ``.lock`` appended, which stays.
        wait: Whether to wait for another holder.
        on_wait: Called once before waiting.

    Yields:
        The file descriptor of the lock, or None where another process holds it and ``wait`` is false. A
        command started with the descriptor among its ``pass_fds`` holds the lock too, so that a killed
        driver's training, which may outlive it, keeps everybody else out of its work dir.
    """
    with _locked_file(_beside(folder, '.lock'), wait, on_wait) as descriptor:
        yield descriptor


@contextlib.contextmanager
def _locked_file(path: Path, wait: bool, on_wait: Callable[[], None] | None) -> Iterator[int | None]:
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


def work_environment(folder: str | Path) -> dict[str, str]:
    """The environment variable by which processes of a launcher call :func:`hold_while_working`."""
    return {_VARIABLE: str(Path(folder).resolve())}


def hold_while_working() -> None:
    """Lets a process that a driver has started through torchrun or srun keep its work dir, driver or not.

    Those start their processes without the driver's descriptors, and may die before them. So each holds a
    second lock, which :func:`wait_for_workers` waits for. Without the variable of :func:`work_environment`
    nothing happens.

    Raises:
        SystemExit: The driver has ended in the meantime, and nobody wants what this process would do.
    """
    folder = os.environ.get(_VARIABLE)
    if not folder:
        return
    # Open as long as the process lives. Shared: there is one for each GPU.
    fcntl.flock(os.open(_beside(folder, '.workers'), os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_SH)
    # In this order: a driver that comes now either finds this lock, or is found here.
    lock = os.open(_beside(folder, '.lock'), os.O_RDWR | os.O_CREAT, 0o644)
    if _try(lock, fcntl.LOCK_SH):
        sys.exit(f'the driver of {folder} has ended')
    os.close(lock)


def wait_for_workers(folder: str | Path, on_wait: Callable[[], None]) -> None:
    """Returns when no process holds the folder by :func:`hold_while_working`.

    Args:
        folder: What is locked, by the caller.
        on_wait: Called once before waiting.
    """
    with _locked_file(_beside(folder, '.workers'), True, on_wait):
        pass


def _beside(folder: str | Path, suffix: str) -> Path:
    folder = Path(folder)
    return folder.with_name(folder.name + suffix)


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
