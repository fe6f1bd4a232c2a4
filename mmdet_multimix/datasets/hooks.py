"""Hooks that concern the data: fitting classes of classifiers, and repeatable epochs and iterations."""

import random

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


@HOOKS.register_module()
class CheckClassesHook(Hook):
    """Stop before the first iteration if data and classifier do not fit.

    Raises:
        ValueError: The head's ``num_classes`` is not the number of classes of a dataset, validation has
            other classes than training (its labels would mean something else), or there are fewer training
            images than one batch; or a metric counts the first k classes of fewer.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation set."""
        loader = runner.train_dataloader
        train_set = loader.dataset
        if len(loader) == 0:
            raise ValueError(
                f'no batch of {loader.batch_size} in the {len(train_set)} training images '
                '(drop_last leaves out an incomplete one): lower train_dataloader.batch_size'
            )
        _check_head(runner, train_set)
        if runner.val_loop is None:
            return
        val_set = runner.val_dataloader.dataset
        _check_head(runner, val_set)
        count = len(val_set.metainfo['classes'])
        for metric in runner.val_evaluator.metrics:
            if max(getattr(metric, 'topk', (1,))) > count:
                raise ValueError(
                    f'val_evaluator: {type(metric).__name__} has topk={metric.topk}, but there are {count} '
                    f'classes: set topk=(1,)'
                )
        train_classes, val_classes = train_set.metainfo['classes'], val_set.metainfo['classes']
        for label, (ours, theirs) in enumerate(zip(train_classes, val_classes, strict=True)):
            if ours != theirs:
                raise ValueError(
                    f'label {label} is class {ours!r} in the training set, but {theirs!r} in the validation '
                    'set; give both datasets the same `classes`'
                )

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        _check_head(runner, runner.test_dataloader.dataset)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the epoch.

    A checkpoint does not hold the state of the random generators, so a resumed run would draw other
    augmentations and mixing weights than the run that was not stopped. With this hook both draw the same,
    provided that data-loading workers do not outlive an epoch (``persistent_workers=False``).
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed every random generator for this epoch and this process."""
        _seed(runner, runner.epoch)


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Seed Python, NumPy and torch from the run's seed and the iteration.

    For runs that are counted in iterations, as `EpochSeedHook` is for epochs. Loading workers
    (``num_workers > 0``) have generators of their own, so that their augmentations differ after a resume.
    """

    priority = 'VERY_LOW'  # what other hooks draw after an iteration is drawn before

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the first iteration, or that after the checkpoint."""
        _seed(runner, runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, *args, **kwargs) -> None:
        """Seed for the next iteration, whose images are loaded before hooks are called again."""
        _seed(runner, runner.iter + 1)

    def after_val_epoch(self, runner: Runner, *args, **kwargs) -> None:
        """Seed anew, since a resumed run does not repeat the validation before its checkpoint."""
        _seed(runner, runner.iter)


def _seed(runner: Runner, step: int) -> None:
    """Seed every random generator of this process for an epoch or an iteration."""
    seed = (runner.seed + step * get_world_size() + get_rank()) % 2**32
    random.seed(seed)
    np.random.seed(seed)  # the global one: mmdet's transforms draw from it
    torch.manual_seed(seed)


def _check_head(runner: Runner, dataset: torch.utils.data.Dataset) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    classes = dataset.metainfo['classes']
    if model.head.num_classes != len(classes):
        raise ValueError(
            f'model.head.num_classes is {model.head.num_classes}, but {type(dataset).__name__} has '
            f'{len(classes)} classes'
        )
