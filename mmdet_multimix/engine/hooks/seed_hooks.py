"""Epochs and iterations that draw the same random numbers in a resumed run as in an unbroken one."""

import random

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the epoch.

    A checkpoint does not hold the state of the random generators, so a resumed run would draw other
    augmentations and mixing weights than an unbroken one. With this hook both draw the same, if the workers
    that load data end with each epoch (``persistent_workers=False``).
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed every random generator for this epoch and this process."""
        _seed(runner, runner.epoch)


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the iteration.

    It is for runs that count iterations, as :class:`EpochSeedHook` is for those that count epochs. Workers
    that load data (``num_workers > 0``) have generators of their own: their augmentations differ after a
    resume.
    """

    priority = 'VERY_LOW'  # after all hooks that may draw numbers

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the first iteration, or that after the checkpoint."""
        _seed(runner, runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, *args, **kwargs) -> None:
        """Seed for the next iteration: its images are loaded before any hook is called again."""
        _seed(runner, runner.iter + 1)

    def after_val_epoch(self, runner: Runner, *args, **kwargs) -> None:
        """Seed anew: a resumed run does not repeat the validation at its checkpoint, nor its draws."""
        _seed(runner, runner.iter)


def _seed(runner: Runner, step: int) -> None:
    """Seed every random generator of this process for an epoch or an iteration."""
    seed = (runner.seed + step * get_world_size() + get_rank()) % 2**32
    random.seed(seed)
    np.random.seed(seed)  # the global one: mmdet's transforms draw from it
    torch.manual_seed(seed)
