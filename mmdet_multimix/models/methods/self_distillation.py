"""Self-distillation: the moving average of the model teaches it, with soft targets that are mixed as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmdet.registry import HOOKS, MODELS
from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from ...ops.targets import one_hot
from .base import PretrainMethod

if TYPE_CHECKING:
    from ..classifiers import ImageClassifier

EVALUATED = 'evaluated'  # in a checkpoint's meta: which of the two models its state_dict is


@MODELS.register_module()
class SelfDistillation(PretrainMethod):
    """A teacher's predictions of the clean mini-batch beside the labels (arXiv 2206.14868, first version).

    The loss has two terms: the head's loss with the labels Y, and that with the teacher's class probabilities
    T, both of the same mini-batch, and under MultiMix and Dense MultiMix with the same Λ. Cross-entropy is
    linear in its target, so

        w1 CE(Λ Z, Λ Y) + w2 CE(Λ Z, Λ T) = CE(Λ Z, Λ (w1 Y + w2 T)),

    and both terms cost one pass with the targets ``w1 Y + w2 T``. The clean term of a head that has one
    (``clean_weight``) is weighted alike, and attention of the kind ``'cam'`` follows both targets. What else
    it costs is one forward pass of the teacher without a gradient, and one copy of the weights. ``acc`` in
    the log counts the class of the larger target, the label's unless the teacher outweighs it.

    The teacher is mmengine's averaged model: :class:`SelfDistillationHook` must be among the hooks.
    Its predictions have no temperature. We do not know the paper's weights; ours sum to 1, so that a recipe's
    learning rate means what it means without a teacher.

    Args:
        label_weight: w1, of the labels.
        teacher_weight: w2, of the teacher's predictions.

    Raises:
        ValueError: A negative weight, no weight at all; when it trains, no teacher.
    """

    def __init__(self, label_weight: float = 0.5, teacher_weight: float = 0.5) -> None:
        for name, weight in (('label_weight', label_weight), ('teacher_weight', teacher_weight)):
            if not weight >= 0:
                raise ValueError(f'{name} must not be negative, got {weight!r}')
        if not label_weight + teacher_weight > 0:
            raise ValueError('label_weight and teacher_weight must not both be 0')
        self.label_weight = label_weight
        self.teacher_weight = teacher_weight
        # Not a module of the classifier: neither its parameters nor its checkpoints hold the teacher.
        self.teacher: ImageClassifier | None = None

    def __call__(self, model: ImageClassifier, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the clean images, and ``w1 Y + w2 T`` (b, c)."""
        if self.teacher is None:
            raise ValueError(
                'method SelfDistillation has no teacher: add '
                "default_hooks=dict(distillation=dict(type='SelfDistillationHook'))"
            )
        self.teacher.eval()  # validation may have switched it
        with torch.no_grad():
            soft = self.teacher.head.predict(self.teacher.extract_feat(inputs))  # float32
        hard = one_hot(labels, soft.shape[1], soft.dtype)
        return model.extract_feat(inputs), self.label_weight * hard + self.teacher_weight * soft


@HOOKS.register_module()
class SelfDistillationHook(EMAHook):
    """mmengine's EMA hook, whose averaged model is the teacher of :class:`SelfDistillation`.

    Batch norm statistics are averaged like the weights: those of the student
    do not fit the teacher's weights.

    Args:
        momentum: mmengine's convention, the share of the *new* weights: 0.001 where papers write 0.999.
        evaluate: ``'teacher'`` or ``'student'``: whose weights are validated, stand in the checkpoint as
            ``state_dict``, and so are tested and exported.
        **kwargs: See :class:`mmengine.hooks.EMAHook`.

    Raises:
        ValueError: A momentum above 0.5, another ``evaluate``; before training, a model of another method.
    """

    def __init__(self, momentum: float = 0.001, *, evaluate: str = 'teacher', **kwargs) -> None:
        if not 0 < momentum <= 0.5:
            raise ValueError(
                'SelfDistillationHook.momentum is the share of the new weights and must be in (0, 0.5]: '
                f'for the 0.999 of papers set 0.001; got {momentum!r}'
            )
        if evaluate not in ('teacher', 'student'):
            raise ValueError(f"evaluate must be 'teacher' or 'student', got {evaluate!r}")
        super().__init__(momentum=momentum, **{'update_buffers': True, **kwargs})
        self.evaluate = evaluate

    def before_run(self, runner: Runner) -> None:
        """Copy the model, and give the copy to the method as its teacher."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if getattr(self, 'src_model', None) is model:
            return  # tested or trained further by the same runner: a new copy would be the student's
        super().before_run(runner)
        method = getattr(self.src_model, 'method', None)
        if not isinstance(method, SelfDistillation):
            raise ValueError(
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
        """Save both models, the one that is evaluated as ``state_dict``, and which it is."""
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint['meta'][EVALUATED] = self.evaluate
        if self.evaluate == 'student':
            self._swap_ema_state_dict(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore both models."""
        if self.evaluate == 'student' and 'ema_state_dict' in checkpoint and runner._resume:
            self._swap_ema_state_dict(checkpoint)
        super().after_load_checkpoint(runner, checkpoint)

    def _swap_ema_parameters(self) -> None:
        if self.evaluate == 'teacher':
            super()._swap_ema_parameters()
