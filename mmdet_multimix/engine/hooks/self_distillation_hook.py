"""The teacher of self-distillation: mmengine's moving average of the model."""

from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...checkpoints.loading import EVALUATED
from ...models.classification.methods.self_distillation import SelfDistillation
from ...ops.checks import check_number
from ...utils.one_line import InputError
from ...utils.unwrap import unwrapped


@HOOKS.register_module()
class SelfDistillationHook(EMAHook):
    """mmengine's EMA hook, whose averaged model is the teacher of :class:`SelfDistillation`.

    Batch norm statistics are averaged like the weights, because those of the student do not fit the
    teacher's weights.

    Args:
        momentum: The share of the *new* weights, as in mmengine: 0.001 where papers write 0.999.
        evaluate: The model that is validated, ``'teacher'`` or ``'student'``. Its weights are the
            ``state_dict`` of the checkpoint, so that it is the one that is tested and exported.
        **kwargs: See :class:`mmengine.hooks.EMAHook`.

    Raises:
        ValueError: A momentum above 0.5, or another ``evaluate``. Before training: a model of another method.
    """

    def __init__(self, momentum: float = 0.001, *, evaluate: str = 'teacher', **kwargs) -> None:
        check_number('momentum', momentum)
        if not 0 < momentum <= 0.5:
            raise InputError(
                'SelfDistillationHook.momentum is the share of the new weights and must be in (0, 0.5]: '
                f'for the 0.999 of papers set 0.001; got {momentum!r}'
            )
        if evaluate not in ('teacher', 'student'):
            raise InputError(f"evaluate must be 'teacher' or 'student', got {evaluate!r}")
        super().__init__(momentum=momentum, **{'update_buffers': True, **kwargs})
        self.evaluate = evaluate

    def before_run(self, runner: Runner) -> None:
        """Copy the model, and give the copy to the method as its teacher."""
        model = unwrapped(runner)
        if getattr(self, 'src_model', None) is model:
            return  # the runner goes on: a new copy would be one of the student
        method = getattr(model, 'method', None)
        if isinstance(method, SelfDistillation):
            method.teacher = None  # of a run before: the copy would hold a copy of it
        super().before_run(runner)
        if not isinstance(method, SelfDistillation):
            raise InputError(
                f'SelfDistillationHook teaches a model with method=dict(type=SelfDistillation), but '
                f'model.method is {type(method).__name__}'
            )
        method.teacher = self.ema_model.module

    def before_train(self, runner: Runner) -> None:
        """Give the teacher the initial weights, which mmengine sets after it has copied the model."""
        super().before_train(runner)
        if int(self.ema_model.steps) == 0:
            self.ema_model.module.load_state_dict(self.src_model.state_dict())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save both models, that which is evaluated as ``state_dict``, and note in ``meta`` which it is."""
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['meta'][EVALUATED] = self.evaluate
        if self.evaluate == 'student':
            self._swap_ema_state_dict(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore both models, as the run that saved them evaluated."""
        saved = checkpoint.get('meta', {}).get(EVALUATED, self.evaluate)
        if saved == 'student' and 'ema_state_dict' in checkpoint and runner._resume:
            self._swap_ema_state_dict(checkpoint)
        super().after_load_checkpoint(runner, checkpoint)

    def _swap_ema_parameters(self) -> None:
        if self.evaluate == 'teacher':
            super()._swap_ema_parameters()
