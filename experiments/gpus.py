"""Which GPUs a cell gets on a machine without a scheduler.

Snakemake counts GPUs, but does not say which one a cell may use. So every GPU of the machine has a lock file,
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

from .locks import locked, open_lock, try_lock

VARIABLE = 'MULTIMIX_GPUS'  # the GPUs that cells share, as CUDA_VISIBLE_DEVICES names them
_POLL = 0.5  # seconds between two looks for free GPUs


def named_gpus(variable: str = VARIABLE) -> list[str]:
    """The GPUs that an environment variable names."""
    return [name.strip() for name in os.environ.get(variable, '').split(',') if name.strip()]


def visible_gpus() -> list[str]:
    """The GPUs of this machine that cells may use, none without CUDA."""
    import torch  # a cell looks at its environment alone, before anything heavy is imported

    if not torch.cuda.is_available():
        return named_gpus()
    every = [str(index) for index in range(torch.cuda.device_count())]
    return named_gpus() or named_gpus('CUDA_VISIBLE_DEVICES') or every


@contextlib.contextmanager
def own_gpus(count: int) -> Iterator[tuple[int, ...]]:
    """Waits for GPUs that no other cell uses, and sets `CUDA_VISIBLE_DEVICES` to them.

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
    folder = Path(tempfile.gettempdir()) / f'multimix-gpus-{os.getuid()}'
    held: dict[str, int] = {}
    try:
        # One cell after the other: two that held a half each would wait for ever.
        with locked(folder / 'queue.lock'):
            while len(held) < count:
                for name in [name for name in named if name not in held]:
                    descriptor = open_lock(folder / f'{re.sub("[^A-Za-z0-9-]", "_", name)}.lock')
                    if len(held) < count and try_lock(descriptor):
                        held[name] = descriptor
                    else:
                        os.close(descriptor)
                time.sleep(_POLL if len(held) < count else 0)
        os.environ['CUDA_VISIBLE_DEVICES'] = ','.join(held)
        print(f'GPUs of this cell: {os.environ["CUDA_VISIBLE_DEVICES"]}', flush=True)
        yield tuple(held.values())
    finally:
        for descriptor in held.values():
            os.close(descriptor)
