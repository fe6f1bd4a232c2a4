"""What an interruption between a checkpoint and the validation that belongs to it leaves out."""

from __future__ import annotations

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validates a resumed run before it goes on, if its checkpoint is one after which a validation is due.

    mmengine saves before it validates and resumes behind both. A run that was killed in between never had
    that validation, which after the last epoch is its result. Where it did take place, it is repeated, with
    the same outcome.
    """

    priority = 'LOWEST'  # behind CheckpointHook, whose folders the best checkpoint goes into

    def before_train(self, runner: Runner) -> None:
        """Validate if it is due.

        Args:
            runner: The runner, resumed.
        """
        loop = runner.train_loop
        by_iter = isinstance(loop, IterBasedTrainLoop)
        done, end = (loop.iter, loop.max_iters) if by_iter else (loop.epoch, loop.max_epochs)
        due = done % loop.val_interval == 0 or done == end
        if runner.val_loop is not None and done and done >= loop.val_begin and due:
            runner.val_loop.run()
