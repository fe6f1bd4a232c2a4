"""Batches that are loaded with the same random numbers in a resumed run as in an unbroken one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner
from torch.utils.data import DataLoader, get_worker_info


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and torch in this process.

    Args:
        seed: Any whole number; what matters of it is its rest modulo 2^32.
    """
    seed %= 2**32
    random.seed(seed)
    np.random.seed(seed)  # the global one: mmdet's transforms draw from it
    torch.manual_seed(seed)


def step_seed(runner: Runner, step: int) -> int:
    """The seed of an epoch, an iteration or a batch in this process."""
    return runner.seed + step * get_world_size() + get_rank()


class SeededWorkers:
    """Seeds each loading worker for each batch, from the run's seed and the number of the batch.

    mmengine seeds a worker once, when it starts: with the same seed in each epoch, and in a resumed run. As
    workers take turns, a worker knows the number of the batch it loads next, even where it outlives an epoch
    (``persistent_workers=True``). Transforms that remember images (``CachedMosaic``) still start without any.

    Args:
        loader: The loader, whose workers have not started. Its ``worker_init_fn`` and ``collate_fn``, which
            is what a worker calls once a batch, are wrapped.
        seed: The run's seed.
        length: Batches in an epoch, None where they go on for ever.
    """

    def __init__(self, loader: DataLoader, seed: int, length: int | None) -> None:
        self.start: Callable[[int], None] | None = loader.worker_init_fn
        self.collate: Callable[[list], Any] = loader.collate_fn
        self.world, self.rank = get_world_size(), get_rank()
        # Apart from the seed of the same step in the training process.
        self.seed = seed + 2**31
        self.length = length
        self.next = 0  # the first batch of workers that start now
        loader.worker_init_fn, loader.collate_fn = self.init, self

    def init(self, worker: int) -> None:
        """Seeds a worker for its first batch; ``worker`` is its number."""
        if self.start is not None:
            self.start(worker)
        self.next += worker
        self._seed()

    def __call__(self, samples: list) -> Any:
        """Makes a batch of samples, and seeds the worker for its next one."""
        batch = self.collate(samples)
        worker = get_worker_info()
        if worker is not None:
            done, self.next = self.next, self.next + worker.num_workers
            if self.length and self.next // self.length != done // self.length:
                self.next = (done // self.length + 1) * self.length + worker.id
            self._seed()
        return batch

    def _seed(self) -> None:
        seed_everything(self.seed + self.next * self.world + self.rank)


class SeededBatches:
    """The iterator of a loop that counts iterations, each batch of which is loaded with a seed of its own.

    Args:
        runner: The runner, in training.
        batches: Its iterator.
        first: The number of the batch that comes next.
    """

    def __init__(self, runner: Runner, batches: Any, first: int) -> None:
        self.runner = runner
        self.batches = batches
        self.position = first
        self.workers = SeededWorkers(runner.train_dataloader, runner.seed, None)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        """Seeds this process for the next batch, loads it, and leaves the generators to its iteration."""
        self.workers.next = self.position
        # mmengine's fork starts the loader with the first batch, which draws a number. In a run that was not
        # stopped that was long ago.
        if self.position and hasattr(self.batches, '_ensure_iterator'):
            self.batches._ensure_iterator()
        seed_everything(step_seed(self.runner, self.position))
        batch = next(self.batches)
        self.position += 1
        return batch

    def skip_iter(self, count: int) -> None:
        """Passes over the batches of the iterations before the checkpoint, as mmengine's fork does it."""
        if hasattr(self.runner.train_dataloader.sampler, 'skip'):
            self.batches.skip_iter(count)
            self.position += count
            return
        for _ in range(count):  # one by one: at the end of an epoch workers start anew
            self.workers.next = self.position
            self.batches._next_data(skip_loading=True)
            self.position += 1
