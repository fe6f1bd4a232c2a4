"""How the processes of one training find each other, and how they part."""

from __future__ import annotations

import gc
import importlib
import os
import re
import subprocess

import torch
from mmengine.config import Config
from mmengine.device import is_cuda_available, is_musa_available, is_npu_available

from ..utils.one_line import InputError

# What each launcher tells a process: its rank, its rank on its node, the number of processes.
_VARIABLES = {
    'pytorch': ('RANK', 'LOCAL_RANK', 'WORLD_SIZE'),
    'slurm': ('SLURM_PROCID', 'SLURM_LOCALID', 'SLURM_NTASKS'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE'),
}
_STARTED_BY = {'pytorch': 'torchrun', 'slurm': 'srun', 'mpi': 'mpirun'}
_FIRST_PORT, _PORTS = 20000, 10000  # below the ports that Linux hands out by itself


class LauncherError(InputError):
    """A process was not started by the launcher that it was told of."""


def has_accelerator() -> bool:
    """Whether there is a device to train on other than the CPU."""
    return is_cuda_available() or is_npu_available() or is_musa_available()


def start_launcher(cfg: Config, launcher: str) -> None:
    """Lets the processes of a training find each other; without an accelerator they talk through gloo.

    With accelerators mmengine does it, with NCCL and one device a process. Without one it would still
    initialise CUDA in each process and fail, so gloo is started here, before the runner.

    Args:
        cfg: Config that the runner is built from; gets ``launcher``, and ``model_wrapper_cfg`` on a CPU.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.

    Raises:
        LauncherError: The launcher's variables are missing from the environment.
    """
    cfg.launcher = launcher
    if launcher == 'none':
        return
    missing = [name for name in _VARIABLES[launcher] if name not in os.environ]
    if missing:
        raise LauncherError(
            f'--launcher {launcher} needs {", ".join(missing)} in the environment; '
            f'start it by {_STARTED_BY[launcher]}'
        )
    if launcher == 'slurm':
        # Two jobs, or two steps of a job, may share a node: mmengine gives all of them the same port.
        step = 101 * int(os.environ['SLURM_JOB_ID']) + int(os.environ.get('SLURM_STEP_ID', 0))
        os.environ.setdefault('MASTER_PORT', str(_FIRST_PORT + step % _PORTS))
    if not has_accelerator():
        _start_gloo(cfg, launcher)


def stop_launcher() -> None:
    """Ends the threads by which processes talk: one that is alive at exit can abort a finished training.

    A thread of gloo that drops the last reference to a tensor while the interpreter shuts down asks for an
    interpreter that is gone, and the process aborts ("terminate called without an active exception"). Gloo
    joins its threads when its last user is gone, so the caller drops the runner before.
    """
    if not torch.distributed.is_initialized():
        return
    gc.collect()  # a runner is part of cycles, and its wrapped model uses the process group
    torch.distributed.barrier()  # what another process has sent last may still be under way
    torch.distributed.destroy_process_group()


def _start_gloo(cfg: Config, launcher: str) -> None:
    for name, variable in zip(_VARIABLES['pytorch'], _VARIABLES[launcher], strict=True):
        os.environ[name] = os.environ[variable]
    if launcher == 'slurm':
        os.environ.setdefault('MASTER_ADDR', _first_node())
    elif launcher == 'mpi' and not {'MASTER_ADDR', 'MASTER_PORT'} <= os.environ.keys():
        raise LauncherError('--launcher mpi needs MASTER_ADDR and MASTER_PORT in the environment')
    # These functions take the process group of the moment as a default argument. The wrapper of models
    # imports them; were it the first to do so, they would keep the group and its threads to the very end.
    importlib.import_module('torch.distributed.nn.functional')
    torch.distributed.init_process_group('gloo')
    wrapper = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    cfg.setdefault('model_wrapper_cfg', wrapper)


def _first_node() -> str:
    """The node of rank 0 of this Slurm step."""
    nodes = os.environ.get('SLURM_STEP_NODELIST') or os.environ['SLURM_NODELIST']
    if not re.search(r'[\[,]', nodes):
        return nodes
    try:
        return subprocess.check_output(['scontrol', 'show', 'hostnames', nodes], text=True).split()[0]
    except (OSError, subprocess.CalledProcessError) as error:
        raise LauncherError(f'cannot tell the first of {nodes} ({error}); set MASTER_ADDR') from error
