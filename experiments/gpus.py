"""Which GPUs a cell gets on a machine without a scheduler.

Snakemake counts GPUs, but does not say which one a cell may use. So every GPU has a lock file of the machine,
and a cell takes as many as it needs. The locks hold between experiments too.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .locks import open_lock, try_lock

VARIABLE = 'MULTIMIX_GPUS'  # the GPUs that cells share, as CUDA_VISIBLE_DEVICES names them
_POLL = 0.5  # seconds between two looks for a free GPU


def named_gpus() -> list[str]:
    """The GPUs that the environment names for the cells to share."""
    return [name.strip() for name in os.environ.get(VARIABLE, '').split(',') if name.strip()]


def visible_gpus() -> list[str]:
    """The GPUs of this machine that cells may use, none without CUDA."""
    import torch  # a cell asks its environment alone, before anything heavy is imported

    if named := named_gpus():
        return named
    if not torch.cuda.is_available():
        return []
    chosen = [name.strip() for name in os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',') if name.strip()]
    return chosen or [str(index) for index in range(torch.cuda.device_count())]


@contextlib.contextmanager
def own_gpus(count: int) -> Iterator[tuple[int, ...]]:
    """Sets `CUDA_VISIBLE_DEVICES` to GPUs that no other cell uses, and waits until there are enough.

    Under a scheduler, which gives out GPUs itself, the environment names none and nothing happens.

    Args:
        count: How many.

    Yields:
        Descriptors of their locks, for children to inherit.
    """
    named = named_gpus()
    if not count or not named:
        yield ()
        return
    held = _take(named, count)
    while len(held) < count:
        _give_back(held)
        time.sleep(_POLL)
        held = _take(named, count)
    os.environ['CUDA_VISIBLE_DEVICES'] = ','.join(held)
    print(f'GPUs of this cell: {os.environ["CUDA_VISIBLE_DEVICES"]}', flush=True)
    try:
        yield tuple(held.values())
    finally:
        _give_back(held)


def _take(named: list[str], count: int) -> dict[str, int]:
    """Locks of up to `count` free GPUs, by the GPUs' names."""
    folder = Path(tempfile.gettempdir()) / f'multimix-gpus-{os.getuid()}'
    held: dict[str, int] = {}
    for name in named:
        if len(held) < count:
            descriptor = open_lock(folder / f'{re.sub("[^A-Za-z0-9-]", "_", name)}.lock')
            if try_lock(descriptor):
                held[name] = descriptor
            else:
                os.close(descriptor)
    return held


def _give_back(held: dict[str, int]) -> None:
    for descriptor in held.values():
        os.close(descriptor)
