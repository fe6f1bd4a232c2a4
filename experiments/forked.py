"""Starts the tools without the seconds that every new interpreter spends on imports."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

import torch

from .launch import Launcher, Process

_THREADS = torch.get_num_threads()


def quick_launcher() -> Launcher:
    """Starts one process a run: by a fork where that is possible, as a new interpreter elsewhere.

    For forks the driver is confined to a single thread; those that compute would be missing in a fork, which
    would wait for them. The tools have as many as ever.

    With an accelerator every run is a new interpreter: a driver that has looked for GPUs, as the libraries do
    when they are imported, cannot lend its own to a fork.
    """
    if 'fork' in multiprocessing.get_all_start_methods() and not torch.accelerator.is_available():
        torch.set_num_threads(1)
        return ForkLauncher()
    return Launcher()


@dataclass(frozen=True)
class ForkLauncher(Launcher):
    """Forks the driver, which has imported everything, and runs the tool in the fork.

    Everything else is as on the command line: the tool runs as `__main__`, with the same `sys.argv`, in a
    process of its own with a log of its own, which outlives a killed driver and keeps its locks.

    See :func:`quick_launcher` for what it asks of the driver.
    """

    def start(
        self, tool: Path, arguments: list[str], *, work_dir: Path, log: TextIO, lock: int | None
    ) -> Process:
        """Starts a tool; it inherits all locks that the driver holds, `lock` among them."""
        sys.stdout.flush()
        sys.stderr.flush()
        context = multiprocessing.get_context('fork')
        process = context.Process(target=_run_tool, args=(tool, arguments, log.fileno()))
        process.start()
        return _Forked(process)


class _Forked:
    """A fork with the face of `subprocess.Popen`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()


def _run_tool(tool: Path, arguments: list[str], log: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    # The driver's own may write to a terminal through its progress display.
    sys.stdin, sys.stdout, sys.stderr = (
        open(index, mode, buffering=1, closefd=False)  # noqa: SIM115
        for index, mode in ((0, 'r'), (1, 'w'), (2, 'w'))
    )
    torch.set_num_threads(_THREADS)
    sys.argv = [str(tool), *arguments]
    sys.path.insert(0, str(tool.parent))
    runpy.run_path(str(tool), run_name='__main__')
