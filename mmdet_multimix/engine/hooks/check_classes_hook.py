"""Whether the classes of a classifier fit those of its data, before the first iteration."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ...utils.unwrap import unwrapped


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


def _check_head(runner: Runner, dataset: Dataset) -> None:
    model = unwrapped(runner)
    classes = dataset.metainfo['classes']
    if model.head.num_classes != len(classes):
        raise ValueError(
            f'model.head.num_classes is {model.head.num_classes}, but {type(dataset).__name__} has '
            f'{len(classes)} classes'
        )
