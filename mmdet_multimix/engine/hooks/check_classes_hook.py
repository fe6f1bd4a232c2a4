"""Checks that a classifier and its data have the same classes, before the first iteration."""

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...checkpoints.stored_classes import classes_of
from ...evaluation.cls_accuracy import ClsAccuracy
from ...utils.names import check_num_classes, check_same_classes
from ...utils.one_line import InputError
from ...utils.unwrap import unwrapped


@HOOKS.register_module()
class CheckClassesHook(Hook):
    """Stops a run before its first iteration if data and classifier do not fit.

    Raises:
        ValueError: The head's ``num_classes`` is not the number of classes of a dataset; validation has other
            classes than training, or a checkpoint that is resumed or tested has others than the data, so that
            labels mean something else; there are fewer training images than a batch has; or ``ClsAccuracy``
            wants the k best of fewer than k classes.
    """

    def __init__(self) -> None:
        self._stored: tuple[str, ...] = ()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note the classes that a checkpoint was trained on."""
        self._stored = classes_of(checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation set."""
        loader = runner.train_dataloader
        train_set = loader.dataset
        if len(loader) == 0:
            raise InputError(
                f'no batch of {loader.batch_size} in the {len(train_set)} training images '
                '(drop_last leaves out an incomplete one): lower train_dataloader.batch_size'
            )
        _check_head(runner, train_set)
        if runner._resume:
            self._check_stored(train_set)
        if runner.val_loop is None:
            return
        val_set = runner.val_dataloader.dataset
        _check_head(runner, val_set)
        count = len(val_set.metainfo['classes'])
        for metric in runner.val_evaluator.metrics:
            if isinstance(metric, ClsAccuracy) and max(metric.topk) > count:
                raise InputError(
                    f'val_evaluator: {type(metric).__name__} has topk={metric.topk}, but there are {count} '
                    'classes: set topk=(1,)'
                )
        classes, others = train_set.metainfo['classes'], val_set.metainfo['classes']
        check_same_classes(classes, 'the training set', others, 'the validation set')

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        _check_head(runner, runner.test_dataloader.dataset)
        self._check_stored(runner.test_dataloader.dataset)

    def _check_stored(self, dataset: BaseDataset) -> None:
        if self._stored:
            classes = dataset.metainfo['classes']
            check_same_classes(self._stored, 'the checkpoint', classes, type(dataset).__name__)


def _check_head(runner: Runner, dataset: BaseDataset) -> None:
    num_classes, classes = unwrapped(runner).head.num_classes, dataset.metainfo['classes']
    check_num_classes(num_classes, 'model.head.num_classes', classes, type(dataset).__name__)
