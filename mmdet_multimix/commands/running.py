"""What the commands that run a config share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..checkpoints import load_whole
from ..checks.config_file import OverrideAction, override, read_config
from ..checks.remark import Remark, say_remarks
from ..checks.unread import misspelt_overrides, unread_overrides
from ..models.classification import ImageClassifier
from ..shipped import config
from ..utils.files import check_folder
from ..utils.one_line import InputError
from ..utils.registered import class_name
from ..utils.unwrap import unwrapped


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OverrideAction,
        help='override keys of the config, as a.b=1 a.c="[1,2]"',
    )


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--launcher``, and the rank that some launchers pass."""
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def parse_launched(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Parse the command line of a process that a launcher may have started, which knows its rank then."""
    args = parser.parse_args(arguments)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(path: str, cfg_options: dict[str, Any] | None, work_dir: str | None) -> Config:
    """Read a config with the overrides of the command line.

    Args:
        path: The file, or the name of a config of this package.
        cfg_options: The overrides.
        work_dir: The work dir, by default that of the config, or one of its name in ``work_dirs``.

    Raises:
        InputError: There is no such config, it cannot be read, or no run can be kept in the work dir.
    """
    cfg, overrides = read_config(_file_of(path)), cfg_options or {}
    misspelt = list(misspelt_overrides(cfg, overrides))
    override(cfg, overrides)
    say_remarks(map(Remark, [*unread_overrides(cfg, overrides), *misspelt]))
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(path).stem))
    check_folder('the work dir', cfg.work_dir)
    return cfg


def is_classifier(cfg: Config) -> bool:
    """Whether a config trains a classifier of this package."""
    return class_name(cfg.get('model', {}).get('type')).split('.')[-1] == ImageClassifier.__name__


def _file_of(path: str) -> str:
    """The file, or the config of this package that is called so."""
    if Path(path).exists():
        return path
    try:
        return config(path)
    except FileNotFoundError:
        remedy = f": write _base_ = '{path}' into a file of your own" if '::' in path else ''
        raise InputError(f'config {path} does not exist{remedy}') from None


def build_runner(cfg: Config, whole: bool) -> Runner:
    """The runner of a config.

    Args:
        cfg: The config.
        whole: Whether the checkpoint of ``load_from`` must be that of the whole model.

    Raises:
        InputError: Its checkpoint is of another model: mmengine would go on
            with random weights in the place of those that it lacks.
    """
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    runner = Runner.from_cfg(cfg)
    if whole and '://' not in cfg.load_from:
        load_whole(unwrapped(runner), cfg.load_from)
    return runner
