"""Runs the command line tools inside a cell: in its own process, or in one process for each of its GPUs."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'
_POLL = 0.2  # seconds between two looks at running processes


def run_tool(name: str, arguments: Sequence[str], processes: int = 1, keep: Sequence[int] = ()) -> None:
    """Runs `tools/NAME` as the shell would.

    Args:
        name: The tool.
        arguments: Its arguments.
        processes: One stays in this process, which has imported everything. Several are started as torchrun
            starts them, from here, since those of torchrun inherit no lock.
        keep: Descriptors of locks, which the processes hold as long as one of them lives.

    Raises:
        RuntimeError: A process ended with an error.
    """
    arguments = [str(TOOLS / name), *map(str, arguments)]
    print('$', *arguments, flush=True)
    if processes > 1:
        _run_side_by_side([*arguments, '--launcher', 'pytorch'], processes, keep)
        return
    before, path = sys.argv, list(sys.path)
    sys.argv = arguments
    sys.path.insert(0, str(TOOLS))
    try:
        runpy.run_path(arguments[0], run_name='__main__')
    finally:
        sys.argv, sys.path[:] = before, path


def _run_side_by_side(arguments: list[str], count: int, keep: Sequence[int]) -> None:
    shared = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(_free_port()), 'WORLD_SIZE': str(count)}
    # The tools lie beside no package, so that an installed one, maybe an older one, would be found first.
    shared['PYTHONPATH'] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    shared['OMP_NUM_THREADS'] = str(max((wanted_threads() or count) // count, 1))
    started = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **shared, 'RANK': str(rank), 'LOCAL_RANK': str(rank)},
            pass_fds=keep,
        )
        for rank in range(count)
    ]
    try:
        codes: list[int | None] = [None]
        while None in codes and not any(codes):  # where one has failed, the others would wait for it for ever
            time.sleep(_POLL)
            codes = [process.poll() for process in started]
        if failed := [code for code in codes if code]:
            raise RuntimeError(f'one of {count} processes ended with exit code {failed[0]}')
    finally:
        for process in started:
            process.kill()  # nothing happens to one that has ended
            process.wait()


def wanted_threads() -> int | None:
    """The threads that `OMP_NUM_THREADS` asks for, the first number of a list; None where it is no number."""
    first = os.environ.get('OMP_NUM_THREADS', '').partition(',')[0].strip()
    return int(first) or None if first.isdecimal() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def batch_options(cfg: Config, processes: int) -> dict[str, int]:
    """The override that gives every process its share of the batch.

    The batch sizes of configs that an experiment names are those of the whole training, so that one
    experiment gives the same training on one GPU and on eight.

    Raises:
        ValueError: The batch cannot be divided evenly.
    """
    if processes < 2:
        return {}
    size = cfg.train_dataloader.batch_size
    if size % processes:
        raise ValueError(
            f'train_dataloader.batch_size is {size}, which {processes} GPUs cannot share evenly; '
            'choose another number of GPUs'
        )
    return {'train_dataloader.batch_size': size // processes}


def uneven_batches(configs: Iterable[Config], processes: int) -> list[str]:
    """A line for each config whose batch cannot be divided evenly."""
    found = []
    for cfg in configs:
        try:
            batch_options(cfg, processes)
        except ValueError as error:
            found.append(f'{cfg.filename}: {error}')
    return found
