"""Dense MultiMix as a module; see :mod:`.multimix`.

Shape letters: b examples, c classes, d channels, h x w or r positions.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..ops import attend, mixed_cross_entropy, sample_weights, spatial_attention
from ..ops.attention import KINDS, NORMS
from ..ops.checks import check_choice, check_flag
from ..ops.gather import gather_examples
from .multimix import MultiMix, clean_loss


class DenseMultiMix(MultiMix):
    """Dense MultiMix: the same at every position of a feature map, weighted by attention.

    Section 3.3 of the paper, eqs. (9) to (13). The classifier must be linear: it is applied to every
    position, and the logits are interpolated. A prediction averages the features over the positions,
    then classifies, as without MultiMix.

    Whether the paper trains through the attention is not known to us. By default this does not: a
    confidence that the loss could lower at will says nothing about where the label holds. With
    ``attention_grad`` it does, and keeps the weights of all positions for it, ``r * n * b`` numbers.

    Args:
        n: Number of tuples at each position.
        attention: ``'gap'``, ``'cam'``, ``'mean'`` or ``'uniform'``; see
            :func:`~mmdet_multimix.ops.spatial_attention`.
        attention_norm: ``'relu'`` or ``'softmax'``, see there.
        attention_grad: Whether gradients flow through the attention.
        **kwargs: As for :class:`MultiMix`.

    Raises:
        ValueError: As :class:`MultiMix`; an unknown kind or norm of attention.
    """

    def __init__(
        self,
        n: int = 1000,
        *,
        attention: str = 'gap',
        attention_norm: str = 'relu',
        attention_grad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(n, **kwargs)
        check_choice('attention', attention, KINDS)
        check_choice('attention_norm', attention_norm, NORMS)
        check_flag('attention_grad', attention_grad)
        self.attention = attention
        self.attention_norm = attention_norm
        self.attention_grad = attention_grad

    # It is a MultiMix to whatever looks for one in a model, and is called with the classifier as well.
    def forward(  # type: ignore[override]
        self, features: Tensor, labels: Tensor, classifier: nn.Linear
    ) -> Tensor:
        """The sum of :meth:`losses`, a scalar."""
        return reduce(torch.add, self.losses(features, labels, classifier).values())

    def losses(  # type: ignore[override]  # as forward
        self, features: Tensor, labels: Tensor, classifier: nn.Linear
    ) -> dict[str, Tensor]:
        """The weighted losses by name.

        Args:
            features: ``(b, d, h, w)`` or ``(b, d, r)``.
            labels: ``(b,)`` integers or ``(b, c)`` soft.
            classifier: The linear layer ``d -> c``.

        Returns:
            ``loss_multimix``, and ``loss_cls``, of the averaged features, with a clean weight.

        Raises:
            ValueError: A classifier that is not linear, shapes that do not match.
        """
        z = _positions_last(features, classifier)  # (b, d, r)
        attention = self._attention(z, labels, classifier)
        logits = F.linear(_positions_first(z), classifier.weight, classifier.bias)  # (r, b, c)
        clean = classifier(z.mean(dim=2)) if self.clean_weight else None  # (b, c)
        if self.gather:
            tensors = (logits, labels, attention) + ((clean,) if clean is not None else ())
            dims = (1, 0, 0, 0)[: len(tensors)]
            logits, labels, attention, *rest = gather_examples(*tensors, dims=dims)
            clean = rest[0] if rest else None
        self._keep(logits, labels, attention)
        losses = {'loss_multimix': self.loss_weight * self._mixed(logits, labels, attention)}
        if clean is not None:
            losses['loss_cls'] = self.clean_weight * clean_loss(clean, labels)
        return losses

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        own = f'attention={self.attention!r}, attention_norm={self.attention_norm!r}, '
        own += f'attention_grad={self.attention_grad!r}'
        return f'{super().extra_repr()}, {own}'

    def _attention(self, z: Tensor, labels: Tensor, classifier: nn.Linear) -> Tensor:
        weight = classifier.weight
        if not self.attention_grad:
            z, weight = z.detach(), weight.detach()
        return spatial_attention(
            z, kind=self.attention, norm=self.attention_norm, weight=weight, labels=labels
        )

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        r, b, _ = logits.shape
        if not self.attention_grad or not b:
            return super()._mixed(logits, targets, attention)
        options = self._options(logits)
        weights = sample_weights(b=b, r=r, device=logits.device, dtype=attention.dtype, **options)
        return mixed_cross_entropy(logits, targets, attend(weights, attention))


def _positions_last(features: Tensor, classifier: nn.Linear) -> Tensor:
    """Check features and classifier; give the features as ``(b, d, r)``."""
    if not isinstance(classifier, nn.Linear):
        raise ValueError(
            'Dense MultiMix classifies every position with the weight and bias of a linear layer, '
            f'classifier must be an nn.Linear, got {type(classifier).__name__}'
        )
    if features.dim() not in (3, 4):
        raise ValueError(f'features must be (b, d, h, w) or (b, d, r), got {tuple(features.shape)}')
    z = features.flatten(2) if features.dim() == 4 else features
    if z.shape[1] != classifier.in_features:
        raise ValueError(
            f'features have {z.shape[1]} channels, the classifier takes {classifier.in_features}'
        )
    return z


def _positions_first(z: Tensor) -> Tensor:
    """``(b, d, r)`` to contiguous ``(r, b, d)``, so that all positions are one matrix product."""
    b, d, r = z.shape
    if z.stride(1) == 1:  # channels last: an embedding is contiguous and is copied as a whole
        return z.permute(2, 0, 1).contiguous()
    # torch copies the transpose of a matrix several times faster than a permutation of three axes.
    return z.reshape(b * d, r).t().contiguous().view(r, b, d)
