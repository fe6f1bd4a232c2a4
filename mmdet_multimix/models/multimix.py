"""MultiMix and Dense MultiMix as modules, which own the hyper-parameters.

They hold no parameters and no buffers, so a model's state dict does not know about them, and they
need nothing but torch: in a plain training loop they are called like any loss.

Shape letters: b examples, c classes, d channels, h x w or r positions.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..ops import (
    attend,
    gradient_signal,
    mixed_cross_entropy,
    multimix_cross_entropy,
    sample_weights,
    spatial_attention,
)
from ..ops.attention import KINDS, NORMS
from ..ops.checks import (
    PAPER_ALPHA,
    check_choice,
    check_count,
    check_factor,
    check_flag,
    check_generator,
    check_strength,
)
from ..ops.gather import gather_examples, shared_generator

#: The named settings of :meth:`MultiMix.from_setting`.
#: Whole mini-batches mixed with alpha near 1 make every target close to the class prior, a weak
#: signal: the paper trains for up to 2000 epochs. Short schedules need weights closer to one
#: example, and the clean loss beside the mixed one.
SETTINGS: dict[str, dict[str, Any]] = {
    'paper': dict(n=1000, alpha=(0.5, 2.0), clean_weight=0.0),
    'short': dict(n=1000, alpha=(0.02, 0.2), clean_weight=1.0),
}


class MultiMix(nn.Module):
    """MultiMix loss at the last layer before a linear classifier.

    Venkataramanan et al., Embedding Space Interpolation Beyond Mini-Batch, Beyond Pairs and
    Beyond Examples, NeurIPS 2023, section 3.2. It takes logits rather than embeddings, which is
    the same thing for a linear classifier; see :func:`~mmdet_multimix.ops.mixed_cross_entropy`.

    ``loss_weight`` is read at every call, so a schedule may set it. With ``watched`` set, a call keeps
    its logits until :meth:`signal` says how much the mixed loss teaches.

    Args:
        n: Number of tuples.
        m: Tuple length; None means the whole mini-batch. In a mini-batch of fewer than m
            examples, such as the last of an epoch, all of them are mixed.
        alpha: Concentration of the Dirichlet distribution, or a range to draw it from. None means the
            paper's range, (0.5, 2), unless ``ess`` is given.
        ess: Instead of alpha, the number of examples that effectively share a tuple, or a range to draw
            it from; see :func:`~mmdet_multimix.ops.sample_weights`. It means the same in mini-batches
            of any size, and the signal of the term is about ``1 / ess`` of that of cross-entropy.
        alpha_per: Draw it once per ``'tuple'`` or per ``'example'``; which of them the paper does is
            not known to us.
        loss_weight: Weight of the mixed loss.
        clean_weight: Weight of the plain cross-entropy of the same examples. In our reading the paper
            has none.
        gather: Mix over the mini-batches of all ranks. Loss and gradients, after data-parallel
            averaging, are those of one process with the whole mini-batch.
        generator: Source of randomness, on the device of the logits. None means the global one;
            with ``gather``, one that all ranks share, seeded at every call from the global one of
            rank 0. A generator given with ``gather`` must be in the same state on all ranks.
    """

    def __init__(
        self,
        n: int = 1000,
        *,
        m: int | None = None,
        alpha: float | tuple[float, float] | None = None,
        ess: float | tuple[float, float] | None = None,
        alpha_per: str = 'tuple',
        loss_weight: float = 1.0,
        clean_weight: float = 0.0,
        gather: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_count('n', n)
        if m is not None:
            check_count('m', m)
        check_strength(alpha, ess, alpha_per)
        check_factor('loss_weight', loss_weight)
        check_factor('clean_weight', clean_weight)
        check_flag('gather', gather)
        check_generator(generator)
        self.n = n
        self.m = m
        self.alpha = PAPER_ALPHA if alpha is None and ess is None else alpha
        self.ess = ess
        self.alpha_per = alpha_per
        self.loss_weight = loss_weight
        self.clean_weight = clean_weight
        self.gather = gather
        self.generator = generator
        self.watched = False
        self._kept: tuple[Tensor, Tensor, Tensor | None] | None = None

    @classmethod
    def from_setting(cls, setting: str = 'paper', **overrides: Any) -> MultiMix:
        """Build from a named setting: ``'paper'``, or ``'short'`` for short schedules.

        Args:
            setting: A key of :data:`SETTINGS`.
            **overrides: Arguments that take precedence over the setting's.
        """
        check_choice('setting', setting, tuple(SETTINGS))
        chosen = dict(SETTINGS[setting])
        if overrides.get('ess') is not None:
            chosen.pop('alpha', None)
        return cls(**{**chosen, **overrides})

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The sum of :meth:`losses`, a scalar."""
        return reduce(torch.add, self.losses(logits, targets).values())

    def losses(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The weighted losses by name.

        Args:
            logits: ``(b, c)``, or ``(r, b, c)`` at r positions.
            targets: ``(b,)`` integers or ``(b, c)`` soft; also ``(r, b)``, ``(r, b, c)``.

        Returns:
            ``loss_multimix``, and ``loss_cls`` if there is a clean weight.
        """
        if self.gather:
            soft = targets.is_floating_point()
            dims = (logits.dim() - 2, targets.dim() - (2 if soft else 1))
            logits, targets = gather_examples(logits, targets, dims=dims)
        self._keep(logits, targets)
        losses = {'loss_multimix': self.loss_weight * self._mixed(logits, targets)}
        if self.clean_weight:
            losses['loss_cls'] = self.clean_weight * _clean(logits, targets)
        return losses

    def signal(self, seed: int = 0) -> Tensor | None:
        """How much the mixed loss of the last call tells examples apart; see ``gradient_signal``.

        The share is that of the mixed loss before ``loss_weight``, beside the unmixed loss of the same
        logits. The tuples are drawn anew, with a generator of their own: nothing that trains moves.

        Args:
            seed: Seed of the draw.

        Returns:
            A scalar on the device of the logits; None where nothing was mixed while ``watched`` was set.
        """
        if self._kept is None:
            return None
        (logits, targets, attention), self._kept = self._kept, None
        if not logits.numel():
            return None
        given = self.generator
        try:
            self.generator = torch.Generator(logits.device).manual_seed(seed)
            with torch.enable_grad():
                logits = logits.requires_grad_()
                mixed = torch.autograd.grad(self._term(logits, targets, attention), logits)[0]
                own = torch.autograd.grad(self._unmixed(logits, targets), logits)[0]
        finally:
            self.generator = given
        return gradient_signal(mixed.float(), own.float())

    @property
    def kept_targets(self) -> Tensor | None:
        """The targets of the last call, ``(b,)`` or ``(b, c)``, if it was watched."""
        return None if self._kept is None else self._kept[1]

    def _keep(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> None:
        attention = None if attention is None else attention.detach()
        self._kept = (logits.detach(), targets.detach(), attention) if self.watched else None

    def _term(self, logits: Tensor, targets: Tensor, attention: Tensor | None) -> Tensor:
        """The mixed loss, before its weight."""
        return self._mixed(logits, targets, attention)

    def _unmixed(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of the same examples, each by itself."""
        return _clean(logits, targets)

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        names = ('n', 'm', 'alpha', 'ess', 'alpha_per', 'loss_weight', 'clean_weight', 'gather')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names)

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        options = self._options(logits)
        return multimix_cross_entropy(logits, targets, attention=attention, **options)

    def sampling(self, b: int) -> dict[str, Any]:
        """What ``sample_weights`` is asked for, besides the number of examples b and where to draw."""
        m = min(self.m, b) if self.m is not None and b else None
        return dict(n=self.n, m=m, alpha=self.alpha, ess=self.ess, alpha_per=self.alpha_per)

    def _options(self, logits: Tensor) -> dict[str, Any]:
        """What to draw for these logits, ``(b, c)`` or ``(r, b, c)``."""
        return {**self.sampling(logits.shape[-2]), 'generator': self._source(logits.device)}

    def _source(self, device: torch.device) -> torch.Generator | None:
        """The generator that draws the weights; None is the global one."""
        if self.generator is None and self.gather:
            return shared_generator(device)
        return self.generator


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
        losses = {'loss_multimix': self.loss_weight * self._dense(logits, labels, attention)}
        if clean is not None:
            losses['loss_cls'] = self.clean_weight * _clean(clean, labels)
        return losses

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        own = f'attention={self.attention!r}, attention_norm={self.attention_norm!r}, '
        own += f'attention_grad={self.attention_grad!r}'
        return f'{super().extra_repr()}, {own}'

    def _term(self, logits: Tensor, targets: Tensor, attention: Tensor) -> Tensor:
        return self._dense(logits, targets, attention)

    def _attention(self, z: Tensor, labels: Tensor, classifier: nn.Linear) -> Tensor:
        weight = classifier.weight
        if not self.attention_grad:
            z, weight = z.detach(), weight.detach()
        return spatial_attention(
            z, kind=self.attention, norm=self.attention_norm, weight=weight, labels=labels
        )

    def _dense(self, logits: Tensor, labels: Tensor, attention: Tensor) -> Tensor:
        r, b, _ = logits.shape
        if not self.attention_grad or not b:
            return self._mixed(logits, labels, attention)
        options = self._options(logits)
        weights = sample_weights(b=b, r=r, device=logits.device, dtype=attention.dtype, **options)
        return mixed_cross_entropy(logits, labels, attend(weights, attention))


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


def _clean(logits: Tensor, targets: Tensor) -> Tensor:
    """Plain cross-entropy of the examples, the mean over positions if there are any."""
    if not logits.numel():
        return logits.sum().float() * 0
    c = logits.shape[-1]
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if targets.is_floating_point():
            targets = targets.to(logits.dtype).expand_as(logits).reshape(-1, c)
        else:
            targets = targets.long().expand(logits.shape[:-1]).reshape(-1)
        return F.cross_entropy(logits.reshape(-1, c), targets)
