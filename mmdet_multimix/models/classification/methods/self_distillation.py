"""Self-distillation: the moving average of the model gives soft targets, which are mixed too."""

from __future__ import annotations

import torch
from mmdet.registry import MODELS
from torch import Tensor

from ....ops.checks import check_factor, check_labels
from ....ops.inputs import one_hot
from .base import Classifier, PretrainMethod


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

    Under Dense MultiMix the teacher's targets are image-level: T (b, c) at every position, as the labels are.
    Another reading would be per position, T (b, c, r), the teacher's classifier at each, mixed there. What we
    could read of the paper does not decide between them.

    The teacher is mmengine's averaged model: :class:`SelfDistillationHook` must be among the hooks.
    Its predictions have no temperature. We do not know the paper's weights; ours sum to 1, so that a recipe's
    learning rate means what it means without a teacher.

    Args:
        label_weight: w1, of the labels.
        teacher_weight: w2, of the teacher's predictions.

    Raises:
        ValueError: A negative weight, or both 0. In training: there is no teacher.
    """

    keeps_images = True

    def __init__(self, label_weight: float = 0.5, teacher_weight: float = 0.5) -> None:
        for name, weight in (('label_weight', label_weight), ('teacher_weight', teacher_weight)):
            check_factor(name, weight)
        if not label_weight + teacher_weight > 0:
            raise ValueError('label_weight and teacher_weight must not both be 0')
        self.label_weight = label_weight
        self.teacher_weight = teacher_weight
        # Not a module of the classifier: neither its parameters nor its checkpoints hold the teacher.
        self.teacher: Classifier | None = None

    def __call__(self, model: Classifier, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the clean images, and ``w1 Y + w2 T`` (b, c)."""
        if self.teacher is None:
            raise ValueError(
                'method SelfDistillation has no teacher: add '
                "default_hooks=dict(distillation=dict(type='SelfDistillationHook'))"
            )
        check_labels(labels, model.head.num_classes)  # another one would be a target of zeros
        self.teacher.eval()  # validation may have switched it
        with torch.no_grad():
            soft = self.teacher.head.predict(self.teacher.extract_feat(inputs))  # float32
        hard = one_hot(labels, soft.shape[1], soft.dtype)
        return model.extract_feat(inputs), self.label_weight * hard + self.teacher_weight * soft
