"""Label smoothing of box classifiers and of classifiers, the simplest rival of mixing."""

from __future__ import annotations

import functools

import torch
from mmdet.models.losses import CrossEntropyLoss, weight_reduce_loss
from mmdet.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from mmdet_multimix.models.classification.heads import LinearClsHead


@MODELS.register_module()
class LabelSmoothingLoss(CrossEntropyLoss):
    """Softmax cross-entropy with smoothed targets.

    Args:
        label_smoothing: The share of a target that is spread over all classes, the background among them.
        **kwargs: Of mmdet's ``CrossEntropyLoss``.
    """

    def __init__(self, label_smoothing: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.cls_criterion = functools.partial(_smoothed, label_smoothing)


def _smoothed(
    smoothing: float,
    logits: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | None = None,
    class_weight: Tensor | None = None,
    ignore_index: int | None = None,
    avg_non_ignore: bool = False,
) -> Tensor:
    """As mmdet calls a criterion: logits ``(b, c)``, label and weight ``(b,)``."""
    loss = F.cross_entropy(
        logits.to(torch.float32), label, class_weight, reduction='none', label_smoothing=smoothing
    )
    return weight_reduce_loss(
        loss, None if weight is None else weight.float(), reduction=reduction, avg_factor=avg_factor
    )


@MODELS.register_module()
class LabelSmoothingClsHead(LinearClsHead):
    """A classifier trained with smoothed targets.

    Args:
        label_smoothing: The share of a target that is spread over all classes.
        **kwargs: Of ``LinearClsHead``.
    """

    def __init__(self, label_smoothing: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.label_smoothing = label_smoothing

    def losses(self, features: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Cross-entropy with the smoothed targets; see ``LinearClsHead``."""
        return {'loss_cls': F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)}
