"""Interpolation weights: rows on the simplex over the mini-batch, Dirichlet distributed.

Shape letters: b examples, n tuples, r positions, m tuple length, q positions and k rows of one block.

The rows are drawn a block at a time by :class:`Recipe`. :func:`sample_weights` fills a tensor with
the blocks; the losses of :mod:`~mmdet_multimix.ops.multimix_cross_entropy` use each block and forget it.
Both walk through the same blocks in the same order, so the same generator gives both the same Λ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .checks import check_count, check_drawn_once, check_generator, check_strength
from .gather import SharedGenerator

# A block of this many weights stays in the cache of a core (CPU), or fills the device (others).
_BLOCK_CPU = 1 << 17
_BLOCK_DEVICE = 1 << 24
# Proposals for each rejected draw: 4 % are rejected, so a second look is needed once in 10^5.
_RETRIES = 4


def sample_weights(
    n: int,
    b: int,
    *,
    r: int | None = None,
    m: int | None = None,
    alpha: float | tuple[float, float] | None = None,
    ess: float | tuple[float, float] | None = None,
    alpha_per: str = 'tuple',
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw n weight vectors on the simplex over b examples, at each of r positions.

    MultiMix (Venkataramanan et al., NeurIPS 2023), section 3.2: every row is Dirichlet(alpha)
    over the m examples of its tuple. m = b, the default, mixes the whole mini-batch.

    Whether the paper draws one alpha per tuple or one per example is not known to us; ``alpha_per`` offers
    both. ``'tuple'`` draws an alpha for each row; ``'example'`` draws b of them, one call one
    draw, shared by all tuples and positions.

    How strongly a tuple mixes depends on m times alpha, so the same alpha means another thing in
    another mini-batch. ``ess``, which is not the paper's, says it directly: the number of examples
    that effectively share a tuple, Kish's effective sample size, ``1 / E[Σ λ²]``. Over m examples
    that is ``(m alpha + 1) / (alpha + 1)``, so ``alpha = (ess - 1) / (m - ess)``. A tuple of
    ``ess >= m`` is uniform over its m examples.

    Args:
        n: Number of tuples.
        b: Number of examples in the mini-batch.
        r: Number of positions, each with weights of its own. None means no such axis.
        m: Tuple length; with ``m < b`` every row has exactly m non-zero entries, a fresh random
            subset per row. None means b.
        alpha: Concentration, or a ``(low, high)`` range from which it is drawn uniformly. None means
            the paper's range, (0.5, 2), unless ``ess`` is given.
        ess: Instead of alpha, the effective number of examples in a tuple, above 1, or a range from
            which it is drawn uniformly for each tuple. With m < b it counts among the m. Attention
            (:func:`attend`) reweights the tuple afterwards, which changes the number.
        alpha_per: ``'tuple'`` or ``'example'``; ``ess`` belongs to ``'tuple'``.
        generator: Source of randomness; the global one is then left alone.
        device: Where to draw. Default: the generator's device, or the CPU.
        dtype: Floating dtype of the result. Half precisions are drawn in float32.

    Returns:
        ``(n, b)``, or ``(r, n, b)`` with ``r``: non-negative rows that sum to 1. A weight below 1e-31
        of the largest of its row (1e-292 in float64) is raised to that, one that float16 cannot
        tell from 0 to its smallest number, so no row is NaN however small alpha is.

    Raises:
        ValueError: n, b, r or m out of range, a bad alpha, ess or ``alpha_per``, alpha and ess
            both given, a dtype that is not floating, or a generator of another device.
    """
    if r is not None:
        check_count('r', r)
    recipe = Recipe.checked(n, b, r or 1, m, alpha, ess, alpha_per, generator, device, dtype)
    out = torch.empty(recipe.r, n, b, dtype=dtype, device=recipe.device)
    with torch.no_grad():
        for lo, hi, blocks in recipe.blocks():
            for start, block in blocks:
                out[lo:hi, start : start + block.shape[1]] = block
    return out if r is not None else out[0]


@dataclass
class Recipe:
    """What to draw, and in which blocks; see :func:`sample_weights` for the fields."""

    n: int
    b: int
    r: int
    m: int
    alpha: tuple[float, float]
    ess: tuple[float, float] | None
    alpha_per: str
    generator: torch.Generator | None
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def checked(
        cls,
        n: int,
        b: int,
        r: int,
        m: int | None,
        alpha: Any,
        ess: Any,
        alpha_per: str,
        generator: torch.Generator | None,
        device: torch.device | str | None,
        dtype: torch.dtype,
    ) -> Recipe:
        """Build a recipe from a user's arguments, or say which of them is wrong."""
        check_count('n', n)
        check_count('b', b)
        m = b if m is None else m
        check_count('m', m, at_most=b, limit='the number of examples b')
        alpha, ess = check_strength(alpha, ess, alpha_per)
        check_generator(generator)
        if not isinstance(generator, SharedGenerator):
            check_drawn_once(generator)
        if not dtype.is_floating_point:
            raise ValueError(f'dtype must be a floating dtype, got {dtype}')
        own = generator.device if generator is not None else torch.device('cpu')
        device = own if device is None else torch.device(device)
        if generator is not None and generator.device.type != device.type:
            raise ValueError(
                f'generator lives on {generator.device}, the weights are wanted on {device}: '
                f'make it with torch.Generator({device.type!r})'
            )
        return cls(n, b, r, m, alpha, ess, alpha_per, generator, device, dtype)

    def block_shape(self) -> tuple[int, int]:
        """Positions and rows of one block; rows are split only where positions already are."""
        budget = _BLOCK_CPU if self.device.type == 'cpu' else _BLOCK_DEVICE
        if self.n * self.b <= budget:
            return min(self.r, budget // (self.n * self.b)), self.n
        pieces = math.ceil(self.n * self.b / budget)
        return 1, max(1, math.ceil(self.n / pieces))

    def blocks(self) -> Iterator[tuple[int, int, Iterator[tuple[int, Tensor]]]]:
        """Yield ``lo, hi`` and the blocks of positions ``lo:hi``, each ``(start, (q, k, b))``."""
        alphas = None
        if self.alpha_per == 'example':
            alphas = self._draw_alpha(self.b)
        positions, rows = self.block_shape()
        for lo in range(0, self.r, positions):
            hi = min(lo + positions, self.r)
            yield lo, hi, self._row_blocks(hi - lo, rows, alphas)

    def _row_blocks(self, q: int, rows: int, alphas: Tensor | None) -> Iterator[tuple[int, Tensor]]:
        for start in range(0, self.n, rows):
            k = min(rows, self.n - start)
            yield start, self._draw(q * k, alphas).view(q, k, self.b)

    def _draw_alpha(self, count: int) -> Tensor:
        return self._draw_uniform(count, *self.alpha)

    def _draw_uniform(self, count: int, low: float, high: float) -> Tensor:
        out = torch.empty(count, dtype=self._inner, device=self.device)
        if low == high:
            return out.fill_(low)
        # uniform_ rounds in the dtype: keep it from leaving a range such as (1e-3, 1e-3 + eps).
        return out.uniform_(low, high, generator=self.generator).clamp_(low, high)

    @property
    def _inner(self) -> torch.dtype:
        return torch.float64 if self.dtype == torch.float64 else torch.float32

    def _alpha_of_ess(self, rows: int) -> tuple[Tensor, Tensor]:
        """The alpha of each tuple, ``(rows, 1)``, and whether it is uniform instead."""
        # What is drawn is ess - 1: next to 1 it would lose its digits.
        above = self._draw_uniform(rows, *(x - 1 for x in self.ess)).unsqueeze(1)
        room = self.m - 1 - above  # m - ess
        uniform = room <= 0
        return above / torch.where(uniform, 1, room), uniform

    def _draw(self, rows: int, alphas: Tensor | None) -> Tensor:
        """Draw ``(rows, b)`` weights: normalised gammas, of which only the logarithms exist."""
        subset, uniform = self._draw_subset(rows), None
        if self.ess is not None:
            a, uniform = self._alpha_of_ess(rows)
        elif self.alpha_per == 'tuple':
            a = self._draw_alpha(rows).unsqueeze(1)  # (rows, 1)
        elif subset is None:
            a = alphas.unsqueeze(0)  # (1, b)
        else:
            a = alphas[subset]  # (rows, m)
        draw = _log_gamma_cpu if self.device.type == 'cpu' else _log_gamma_device
        log_gamma = draw(a, (rows, self.m), self.generator)
        if uniform is not None:
            log_gamma = log_gamma.masked_fill(uniform, 0)
        # Small alphas leave most weights so small that processors take many times as long to multiply them.
        # The floor keeps them, and what they are multiplied with down to eps, above the subnormals.
        info = torch.finfo(self._inner)
        log_gamma.sub_(log_gamma.amax(dim=-1, keepdim=True)).clamp_min_(math.log(info.tiny / info.eps))
        weights = torch.softmax(log_gamma, dim=-1)
        if self.dtype == torch.float16:  # Its smallest normal would add up to too much.
            weights.clamp_min_(2.0**-24)
        if subset is None:
            return weights
        full = torch.zeros(rows, self.b, dtype=self._inner, device=self.device)
        return full.scatter_(1, subset, weights)

    def _draw_subset(self, rows: int) -> Tensor | None:
        if self.m == self.b:
            return None
        # Not of torch's default dtype: keys of a half type are often equal, and the first of them is taken.
        keys = torch.empty(rows, self.b, dtype=torch.float32, device=self.device)
        keys.uniform_(generator=self.generator)
        return keys.topk(self.m, dim=1, sorted=False).indices


def _log_gamma_cpu(a: Tensor, shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """Logarithms of gamma(a) variates of the given shape, ``a`` broadcast to it.

    Marsaglia and Tsang (2000), for all entries at once, rejected ones drawn again. Two changes
    keep it exact and make it cheap. For a < 1 they multiply a gamma(a + 1) by U^(1/a), which is
    right for every a, so it is done throughout, in the logarithm, where it cannot underflow. And
    U need not be drawn: given that a proposal with acceptance probability p was accepted because
    V < p, V / p is again uniform and independent of the proposal.
    """
    out, accepted = _propose(a, shape, generator)
    rejected = torch.nonzero(accepted.logical_not_().view(-1)).squeeze(1)
    if not rejected.numel():
        return out
    flat = out.view(-1)
    shapes = a.expand(shape)
    while rejected.numel():
        column = shapes[rejected // shape[1], rejected % shape[1]].unsqueeze(1)
        retry, accepted = _propose(column, (rejected.numel(), _RETRIES), generator)
        first = accepted.to(torch.uint8).argmax(dim=1, keepdim=True)  # 0 where none is accepted
        flat[rejected] = retry.gather(1, first).squeeze(1)
        rejected = rejected[~accepted.gather(1, first).squeeze(1)]
    return out


def _propose(a: Tensor, shape: tuple[int, int], generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """One proposal for each entry: the logarithm of the variate, and whether it is accepted."""
    d = a + 2 / 3  # (a + 1) - 1/3
    alike: dict[str, Any] = dict(dtype=a.dtype, device=a.device)
    x = torch.empty(shape, **alike).normal_(generator=generator)
    v = torch.addcmul(torch.ones((), **alike), x, (d * 9).rsqrt_())  # its cube root so far
    log_v = v.log().mul_(3)  # NaN where v < 0: compares false below, hence rejected
    v.pow_(3).sub_(log_v)
    log_p = torch.addcmul(d, x, x, value=0.5, out=x).addcmul_(d, v, value=-1)  # x²/2 + d - d(v - log v)
    smallest = torch.finfo(a.dtype).eps / 4  # half a step of uniform_, so that no logarithm is infinite
    log_u = torch.empty(shape, **alike).uniform_(smallest, 1, generator=generator).log_()
    accepted = log_u < log_p
    return log_v.addcmul_(log_u.sub_(log_p), a.reciprocal()).add_(d.log_()), accepted


def _log_gamma_device(a: Tensor, shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """The same on an accelerator, without a host sync.

    The device's own gamma kernel rejects inside each thread, so nothing has to be counted on the
    host. It is asked for gamma(a + 1), which never underflows; the rest is done in the logarithm.
    """
    a = a.expand(shape)
    gamma = torch._standard_gamma(a + 1, generator=generator)
    boost = torch.empty_like(gamma).exponential_(generator=generator)
    return gamma.log_().sub_(boost.div_(a))
