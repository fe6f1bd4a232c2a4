"""How the processes of one run are started: one, several on a node, or those of a cluster."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from mmengine.config import Config

from mmdet_multimix.utils.locks import work_environment

LAUNCHERS = ('none', 'pytorch', 'slurm')
_FIRST_PORT, _PORTS = 20000, 10000  # below those that Linux hands out by itself


class Process(Protocol):
    """A command that runs: what is used of :class:`subprocess.Popen`."""

    returncode: int | None

    def poll(self) -> int | None:
        """The exit status, None while it runs."""

    def wait(self) -> int:
        """The exit status, when it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""


@dataclass(frozen=True)
class Launcher:
    """Starts the tools with as many processes as there are GPUs.

    The batch sizes of configs that an experiment names are those of the whole run: each process gets its
    share, so that one experiment gives the same training on one GPU and on eight.

    Attributes:
        kind: `'none'` starts one process; `'pytorch'`, `gpus` of them on this machine, by torchrun;
            `'slurm'`, `gpus` of them by srun, which reads `SRUN_ARGS` (partition, time) and
            `GPUS_PER_NODE` (8) from the environment, as mmdet's `slurm_train.sh` does.
        gpus: Processes of a run, one for each GPU.

    Raises:
        ValueError: Unknown kind, or a number of GPUs that the kind cannot start.
    """

    kind: str = 'none'
    gpus: int = 1

    def __post_init__(self) -> None:
        if self.kind not in LAUNCHERS:
            raise ValueError(f'launcher must be one of {", ".join(LAUNCHERS)}, got {self.kind!r}')
        if self.gpus < 1:
            raise ValueError(f'gpus must be at least 1, got {self.gpus}')
        if self.kind == 'none' and self.gpus > 1:
            raise ValueError(
                f'launcher none starts one process; choose pytorch or slurm for {self.gpus} GPUs'
            )

    def command(self, tool: Path, name: str) -> list[str]:
        """What stands before the tool's own arguments.

        Args:
            tool: The script.
            name: For the queue of a cluster.
        """
        python = [sys.executable, str(tool)]
        if self.kind == 'none':
            return python
        if self.kind == 'pytorch':
            run = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
            return [*run, f'--nproc_per_node={self.gpus}', str(tool)]
        per_node = min(self.gpus, int(os.environ.get('GPUS_PER_NODE', 8)))
        return [
            'srun',
            f'--job-name={name}',
            f'--gres=gpu:{per_node}',
            f'--ntasks={self.gpus}',
            f'--ntasks-per-node={per_node}',
            '--kill-on-bad-exit=1',
            *shlex.split(os.environ.get('SRUN_ARGS', '')),
            *python,
        ]

    def start(
        self, tool: Path, arguments: list[str], *, work_dir: Path, log: TextIO, lock: int | None
    ) -> Process:
        """Starts a tool.

        Args:
            tool: The script.
            arguments: Its own arguments.
            work_dir: Where it works; its name is shown in the queue of a cluster.
            log: Gets all that it prints.
            lock: Descriptor of the lock of `work_dir`, which it is to keep as long as it runs; None if it
                needs none.
        """
        environment = self._environment()
        if lock is not None and self.kind != 'none':
            environment |= work_environment(work_dir)
        return subprocess.Popen(
            [*self.command(tool, work_dir.name), *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=() if lock is None else (lock,),
        )

    def _environment(self) -> dict[str, str]:
        found = {**os.environ, 'PYTHONUNBUFFERED': '1'}
        if self.kind == 'slurm':
            # All of mmengine's jobs would take the same port, and two of them may share a node.
            found.setdefault('MASTER_PORT', str(_FIRST_PORT + secrets.randbelow(_PORTS)))
        return found

    @property
    def flags(self) -> list[str]:
        """What the tool is told of it."""
        return [] if self.kind == 'none' else ['--launcher', self.kind]

    def batch_options(self, cfg: Config) -> dict[str, int]:
        """The override that gives every process its share of the batch.

        Raises:
            ValueError: The batch cannot be divided evenly.
        """
        if self.gpus == 1:
            return {}
        size = cfg.train_dataloader.batch_size
        if size % self.gpus:
            raise ValueError(
                f'train_dataloader.batch_size is {size}, which {self.gpus} GPUs cannot share evenly; '
                'choose another number of GPUs'
            )
        return {'train_dataloader.batch_size': size // self.gpus}
