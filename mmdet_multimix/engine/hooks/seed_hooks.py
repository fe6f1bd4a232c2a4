"""Epochs and iterations that draw the same random numbers in a resumed run as in an unbroken one."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from ...utils.one_line import InputError
from ..seeded_loading import SeededBatches, SeededWorkers, seed_everything, step_seed


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the epoch.

    A checkpoint does not hold the state of the random generators, so a resumed run would draw other
    augmentations and mixing weights than an unbroken one. With this hook both draw the same, in loading
    workers, too.

    Raises:
        ValueError: The run counts iterations.
    """

    def before_train(self, runner: Runner) -> None:
        """Checks that the loop counts epochs, and has loading workers seeded for each batch."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):  # whose epoch stays 0
            raise InputError(
                f'EpochSeedHook is for loops that count epochs; for {type(runner.train_loop).__name__} take '
                'IterSeedHook'
            )
        loader = runner.train_dataloader
        if loader.persistent_workers:
            # They start with a draw, in an unbroken run in the first epoch and in a resumed one later.
            loader.generator = torch.Generator().manual_seed(runner.seed)
        self._workers = SeededWorkers(loader, runner.seed, len(loader))

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed every random generator for this epoch and this process."""
        self._workers.next = runner.epoch * self._workers.length
        seed_everything(step_seed(runner, runner.epoch))


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the iteration, before its images are loaded.

    For runs that are counted in iterations, as ``EpochSeedHook`` is for epochs.

    Raises:
        ValueError: The run counts epochs.
    """

    def before_train(self, runner: Runner) -> None:
        """Check that the loop counts iterations."""
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            raise InputError(
                f'IterSeedHook is for loops that count iterations; for {type(runner.train_loop).__name__} '
                'take EpochSeedHook'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Put the seeds in front of the loop's iterator, before what was trained is passed over."""
        loop = runner.train_loop
        passed_over = not getattr(loop, 'fast_forward_on_resume', False)
        first = 0 if passed_over else runner.iter
        loop.dataloader_iterator = SeededBatches(runner, loop.dataloader_iterator, first)
