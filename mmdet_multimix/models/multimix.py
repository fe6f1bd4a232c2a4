"""MultiMix as a module, which owns the hyper-parameters.

It holds no parameters and no buffers, so a model's state dict does not know about it, and it needs
nothing but torch: in a plain training loop it is called like any loss.

Shape letters: b examples, c classes, r positions.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..ops import gradient_signal, multimix_cross_entropy
from ..ops.checks import (
    MASKED,
    PAPER_ALPHA,
    check_choice,
    check_count,
    check_factor,
    check_flag,
    check_generator,
    check_strength,
)
from ..ops.gather import gather_examples, shared_generator
from ..ops.inputs import compute_dtype, empty_loss

#: The named settings of :meth:`MultiMix.from_setting`.
#: Whole mini-batches mixed with alpha near 1 make every target close to the class prior, a weak
#: signal: the paper trains for up to 2000 epochs. Short schedules need tuples of few examples, and
#: half of the plain loss beside them; the weights sum to that of cross-entropy (docs/signal.md).
SETTINGS: dict[str, dict[str, Any]] = {
    'paper': dict(n=1000, alpha=(0.5, 2.0), clean_weight=0.0),
    'short': dict(n=1000, ess=3, loss_weight=0.5, clean_weight=0.5),
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

    Raises:
        ValueError: An argument out of range, or alpha and ess both given.
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
        self.scheduled: tuple[float, float] | None = None
        self.kept_targets: Tensor | None = None
        self._kept: tuple[Tensor, Tensor, Tensor | None] | None = None

    @classmethod
    def from_setting(cls, setting: str = 'paper', **overrides: Any) -> MultiMix:
        """Build from a named setting: ``'paper'``, or ``'short'`` for short schedules.

        Args:
            setting: A key of :data:`SETTINGS`.
            **overrides: Arguments that take precedence over the setting's; ess also over its alpha,
                and alpha over its ess.

        Raises:
            ValueError: An unknown setting, or as the class.
        """
        check_choice('setting', setting, tuple(SETTINGS))
        chosen = dict(SETTINGS[setting])
        for given, other in (('ess', 'alpha'), ('alpha', 'ess')):
            if overrides.get(given) is not None:
                chosen.pop(other, None)
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
            ``loss_multimix``, and ``loss_cls`` if there is a clean weight; scalars, float32 at least.

        Raises:
            ValueError: As :func:`~mmdet_multimix.ops.mixed_cross_entropy`; on all ranks, where ``gather`` is
                given examples of different kinds.
        """
        if self.gather:
            soft = targets.is_floating_point()
            dims = (logits.dim() - 2, targets.dim() - (2 if soft else 1))
            logits, targets = gather_examples(logits, targets, dims=dims)
        self._keep(logits, targets)
        losses = {'loss_multimix': self.loss_weight * self._mixed(logits, targets)}
        if self.clean_weight:
            losses['loss_cls'] = self.clean_weight * clean_loss(logits, targets)
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
                mixed = torch.autograd.grad(self._mixed(logits, targets, attention), logits)[0]
                own = torch.autograd.grad(self._unmixed(logits, targets), logits)[0]
        finally:
            self.generator = given
        return gradient_signal(mixed.float(), own.float())

    def _keep(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> None:
        self.kept_targets = targets.detach() if self.watched else None
        attention = None if attention is None else attention.detach()
        self._kept = (logits.detach(), targets.detach(), attention) if self.watched else None

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        """The mixed loss, before its weight."""
        return multimix_cross_entropy(logits, targets, attention=attention, **self._options(logits))

    def _unmixed(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of the same examples, each by itself."""
        return clean_loss(logits, targets)

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        names = ('n', 'm', 'alpha', 'ess', 'alpha_per', 'loss_weight', 'clean_weight', 'gather')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names)

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


def mixing_modules(model: nn.Module) -> dict[str, MultiMix]:
    """All MultiMix in a model, that of heads, losses and hooks, by its name there.

    Of a semi-supervised detector only the student's: the teacher's head never computes its loss.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, MultiMix) and not in_teacher(name)
    }


def in_teacher(name: str) -> bool:
    """Whether a module of that name is of a semi-supervised detector's teacher, which does not learn."""
    return any(part.startswith('teacher') for part in name.split('.'))


def clean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Plain cross-entropy of the examples, the mean over positions if there are any."""
    if not logits.numel():
        return empty_loss(logits)
    c = logits.shape[-1]
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.to(compute_dtype(logits.dtype))
        if targets.is_floating_point():
            logits = logits.clamp_min(-MASKED)  # of a masked class: its target of 0 times -inf would be NaN
            targets = targets.to(logits.dtype).expand_as(logits).reshape(-1, c)
        else:
            targets = targets.long().expand(logits.shape[:-1]).reshape(-1)
        return F.cross_entropy(logits.reshape(-1, c), targets)
