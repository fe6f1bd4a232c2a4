"""Which mixed loss belongs to a detector's classification loss, and which losses have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from mmdet.models.losses import CrossEntropyLoss, FocalLoss, QualityFocalLoss, VarifocalLoss
from torch import Tensor, nn

from ...ops import (
    attend,
    mixed_binary_cross_entropy,
    mixed_cross_entropy,
    mixed_focal_loss,
    multimix_binary_cross_entropy,
    multimix_cross_entropy,
    sample_weights,
    score_attention,
)
from ...ops.checks import check_choice, check_factor, check_share
from ...ops.inputs import compute_dtype, empty_loss, one_hot
from ...utils.one_line import InputError

KINDS = ('softmax', 'sigmoid', 'focal', 'quality')
_BLOCK = 1024  # examples whose unmixed loss is computed at once
_DRAWN = {'softmax': multimix_cross_entropy, 'sigmoid': multimix_binary_cross_entropy}


class UnmixableError(InputError):
    """A loss or a head that MultiMix cannot be added to; the message is the reason."""


@dataclass(frozen=True)
class MixedForm:
    """How logits and targets become a mixed loss: the counterpart of a detector's own loss.

    * ``'softmax'``: cross-entropy, the paper's loss. The last class is the background.
    * ``'sigmoid'``: binary cross-entropy. The background is the label after the classes, its target zeros.
    * ``'focal'``, ``'quality'``: the focal losses of ``mixed_focal_loss``. Their modulation is not linear in
      the logits; logits are mixed all the same, which equals mixing embeddings, as the loss comes after that.

    Only the first is the paper's; the others are its counterparts.

    Args:
        kind: One of the above.
        gamma: Exponent of the focal losses.
        alpha: Weight of the positive term of ``'focal'``.
        class_weight: ``'softmax'`` only: the weight of each class, background last. It multiplies the
            targets, which is what it does to the cross-entropy of a single example.
    """

    kind: str = 'softmax'
    gamma: float = 2.0
    alpha: float = 0.25
    class_weight: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_choice('kind', self.kind, KINDS)
        check_factor('gamma', self.gamma)
        check_share('alpha', self.alpha)
        if self.class_weight is not None and self.kind != 'softmax':
            raise ValueError(f'class_weight belongs to softmax, not to {self.kind}')

    def background(self, num_logits: int) -> int:
        """The label of the background beside that many logits."""
        return num_logits - 1 if self.kind == 'softmax' else num_logits

    def targets(self, labels: Tensor, scores: Tensor | None, num_logits: int) -> Tensor:
        """What the mixed loss takes.

        Args:
            labels: ``(b,)`` integers or ``(b, num_logits)`` soft.
            scores: ``(b,)``, the quality that stands for 1 in the row of a label; None means 1.
            num_logits: Number of logits of an example.

        Returns:
            ``(b,)`` integers, or ``(b, num_logits)`` soft where scores or class weights make them so.
        """
        if scores is None and self.class_weight is None:
            return labels
        soft = labels if labels.is_floating_point() else one_hot(labels, num_logits, torch.float32)
        if scores is not None:
            soft = soft * scores.detach().to(soft.dtype).unsqueeze(-1)
        if self.class_weight is not None:
            soft = soft * soft.new_tensor(self.class_weight)
        return soft

    def attention(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The confidence ``(b,)`` that the target of each example holds; see ``score_attention``."""
        return score_attention(logits, targets, link='softmax' if self.kind == 'softmax' else 'sigmoid')

    def loss(
        self, logits: Tensor, targets: Tensor, options: dict[str, Any], attention: Tensor | None = None
    ) -> Tensor:
        """The mixed loss of tuples drawn on the way.

        Args:
            logits: ``(b, num_logits)``.
            targets: From ``targets``.
            options: ``n``, ``m``, ``alpha``, ``ess``, ``alpha_per`` and ``generator`` of ``sample_weights``.
            attention: ``(b,)``, by which the weights of each tuple are multiplied, and renormalised.

        Returns:
            A scalar in float32 at least, the mean over tuples; zero, attached to the logits, if b is 0.
        """
        if self.kind in _DRAWN:
            if attention is not None:  # at one position, as attention has an axis of them
                logits, attention = logits.unsqueeze(0), attention.unsqueeze(1)
            return _DRAWN[self.kind](logits, targets, attention=attention, **options)
        b = len(logits)
        if not b:
            return empty_loss(logits)
        weights = sample_weights(b=b, device=logits.device, **options)
        if attention is not None:
            weights = attend(weights.unsqueeze(0), attention.unsqueeze(1))[0]
        return mixed_focal_loss(logits, targets, weights, kind=self.kind, gamma=self.gamma, alpha=self.alpha)

    def unmixed(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The same loss of each example by itself, the mean over the examples; arguments as for ``loss``."""
        b = len(logits)
        if b > _BLOCK:  # the weights of all would be a matrix (b, b)
            parts = zip(logits.split(_BLOCK), targets.split(_BLOCK), strict=True)
            return torch.stack([self.unmixed(x, y) * (len(x) / b) for x, y in parts]).sum()
        weights = torch.eye(b, dtype=compute_dtype(logits.dtype), device=logits.device)
        if self.kind == 'softmax':
            return mixed_cross_entropy(logits, targets, weights)
        if self.kind == 'sigmoid':
            return mixed_binary_cross_entropy(logits, targets, weights)
        return mixed_focal_loss(logits, targets, weights, kind=self.kind, gamma=self.gamma, alpha=self.alpha)


def form_of(loss_cls: Any) -> MixedForm:
    """The mixed counterpart of a detector's classification loss.

    Args:
        loss_cls: A loss, the module of mmdet or of anybody.

    Raises:
        UnmixableError: There is none; with the reason.
    """
    kind = type(loss_cls)  # of exactly this type: a subclass may mean another loss
    if getattr(loss_cls, 'activated', False):
        raise UnmixableError('its loss_cls takes probabilities (activated=True), which are not linear')
    if kind is CrossEntropyLoss:
        return _cross_entropy(loss_cls)
    if kind is FocalLoss:
        return MixedForm('focal', gamma=loss_cls.gamma, alpha=loss_cls.alpha)
    if kind is QualityFocalLoss:
        return MixedForm('quality', gamma=loss_cls.beta)
    if kind is VarifocalLoss:
        raise UnmixableError(
            'VarifocalLoss treats targets of exactly zero apart, and no mixed target is exactly zero'
        )
    raise UnmixableError(f'its loss_cls, {kind.__name__}, has no mixed counterpart')


def softmax_form(loss_cls: nn.Module, owner: str) -> MixedForm:
    """The mixed counterpart of a ``loss_cls`` that is some softmax loss over ``num_classes + 1`` logits.

    That is mmdet's ``CrossEntropyLoss`` with its class weights; another loss, whose class says nothing of its
    formula, stands beside the paper's, plain cross-entropy.

    Args:
        loss_cls: The loss on the unmixed examples.
        owner: Who asks, for messages.

    Raises:
        UnmixableError: A ``CrossEntropyLoss`` with options that have no mixed counterpart; with the reason.
    """
    if type(loss_cls) is not CrossEntropyLoss:
        return MixedForm()
    try:
        return form_of(loss_cls)
    except UnmixableError as error:
        raise UnmixableError(f'{owner}: {error}') from None


def _cross_entropy(loss_cls: CrossEntropyLoss) -> MixedForm:
    if loss_cls.use_mask or loss_cls.ignore_index is not None:
        raise UnmixableError('its CrossEntropyLoss has use_mask or ignore_index, no classification of boxes')
    if not loss_cls.use_sigmoid:
        weight = loss_cls.class_weight
        if isinstance(weight, Tensor):  # DETR's, with that of the background
            weight = weight.tolist()
        if weight is not None and not isinstance(weight, (list, tuple)):
            raise UnmixableError(f'its class_weight is {weight!r}, not a list of numbers')
        return MixedForm(class_weight=tuple(map(float, weight)) if weight is not None else None)
    if loss_cls.class_weight is not None:
        raise UnmixableError(
            'its binary CrossEntropyLoss has class_weight, which the mixed one does not take'
        )
    return MixedForm('sigmoid')
