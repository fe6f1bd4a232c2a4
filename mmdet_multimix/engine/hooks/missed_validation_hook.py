"""Repeats the validation that an interruption after a checkpoint may have left out."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner


@HOOKS.register_module()
class MissedValidationHook(Hook):
    """Validates a resumed run before it goes on, if a validation is due after its checkpoint.

    mmengine saves a checkpoint, then validates; a resumed run starts after both. So a run that was killed in
    between never had this validation, which is its result after the last epoch. A validation that did take
    place is repeated, with the same outcome.
    """

    priority = 'LOWEST'  # after CheckpointHook has made the folders for the best checkpoint

    def before_train(self, runner: Runner) -> None:
        """Validate if it is due.

        Args:
            runner: The runner, resumed.
        """
        loop = runner.train_loop
        by_iter = isinstance(loop, IterBasedTrainLoop)
        done, end = (loop.iter, loop.max_iters) if by_iter else (loop.epoch, loop.max_epochs)
        if runner.val_loop is None or not done or done < loop.val_begin:
            return
        decide = getattr(loop, '_decide_current_val_interval', None)  # of `dynamic_intervals`
        if decide is not None:
            decide()  # mmengine does so after the next step only
        if done % loop.val_interval == 0 or done == end:
            runner.val_loop.run()
