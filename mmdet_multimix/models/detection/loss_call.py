"""What a head gives its classification loss, as examples: the one place that reads such a call.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from torch import Tensor, nn

from ...ops.inputs import compute_dtype


@dataclass
class LossCall:
    """What a ``loss_cls`` was given, flat.

    Args:
        logits: ``(b, c)``.
        labels: ``(b,)`` integers or ``(b, c)`` soft.
        weights: ``(b,)``; None means 1.
        scores: ``(b,)``, the qualities of the quality focal loss.
        origins: ``(b, 5)`` or ``(b, 1)``, where the rows are from, if that is known; see
            ``ExampleChoice.choose``.
    """

    logits: Tensor
    labels: Tensor
    weights: Tensor | None = None
    scores: Tensor | None = None
    origins: Tensor | None = None

    @classmethod
    def of(
        cls,
        logits: Tensor,
        target: Tensor | tuple[Tensor, Tensor],
        weights: Tensor | None,
        origins: Tensor | None = None,
    ) -> LossCall:
        """From the arguments of a loss of mmdet, in any of the shapes that its heads use."""
        labels, scores = target if isinstance(target, (tuple, list)) else (target, None)
        soft = labels.dim() == logits.dim()  # a row of targets for each example
        logits = logits.reshape(-1, logits.shape[-1])
        labels = labels.reshape(logits.shape if soft else (-1,))
        if soft:  # under autocast a rank without objects has them in another precision than the others
            labels = labels.to(compute_dtype(logits.dtype))
        if weights is not None:
            # By example, or by example and class: then one that counts for any class counts.
            weights = weights.reshape(len(logits), -1).amax(dim=1) if len(logits) else weights.reshape(-1)
        scores = None if scores is None else scores.reshape(-1)
        return cls(logits, labels, weights, scores, origins)


def check_call(head: nn.Module, name: str, logits: Tensor, target: Tensor | tuple[Tensor, Tensor]) -> None:
    """Refuse what a head gives its loss where it is not one row of classes for each label, as maps are not.

    Args:
        head: The head.
        name: Its name, for the message.
        logits: As for :meth:`LossCall.of`.
        target: Likewise.

    Raises:
        RuntimeError: The last axis is not that of the head's classes, or not every row has a label.
    """
    labels = target[0] if isinstance(target, (tuple, list)) else target
    classes = getattr(head, 'num_classes', None)
    known = {classes, classes + 1} if isinstance(classes, int) else {logits.shape[-1]}
    of_classes = logits.shape[-1] in known | {getattr(head, 'cls_out_channels', None)}
    wanted = logits.shape if labels.dim() == logits.dim() else logits.shape[:-1]
    if not of_classes or labels.numel() != wanted.numel():
        raise RuntimeError(
            f'{type(head).__name__} gives its loss_cls logits {tuple(logits.shape)} and labels '
            f'{tuple(labels.shape)}: {name} cannot be mixed, which takes a row of the scores of its '
            f'{classes} classes for each label, such as logits (examples, classes)'
        )


def argument_names(head: nn.Module, method: str) -> tuple[str, ...]:
    """The names of a method's arguments; those of its parent where an override passes them on unnamed."""
    parents = (vars(parent)[method] for parent in type(head).__mro__ if method in vars(parent))
    bound = (function.__get__(head) for function in parents)
    for function in (getattr(head, method), *bound):
        parameters = list(inspect.signature(function).parameters.values())
        unnamed = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        if not unnamed and parameters and parameters[0].kind is not parameters[0].VAR_KEYWORD:
            return tuple(parameter.name for parameter in parameters)
    return tuple(inspect.signature(getattr(head, method)).parameters)
