"""The fused losses: value and gradients of mixed logits, a block of tuples at a time.

Shape letters: b examples, n tuples, c classes, r positions; q positions and k rows of one block.

The paper interpolates embeddings and targets with the weights Λ, eqs. (12) and (13) where there are
positions. Here logits take the place of embeddings, which is the same for a linear classifier:
``S = ΛL`` and ``Ỹ = ΛY``. Both losses are ``mean_i A(s_i) - <ỹ_i, s_i>``, where A is

* softmax: ``t_i · logsumexp(s_i)`` with the mass ``t_i = Σ_c ỹ_ic``, which is 1 if the rows of Λ
  and Y sum to 1;
* sigmoid: ``Σ_c softplus(s_ic)``.

Neither the second term nor its gradients need Ỹ, since ``Σ_i <ỹ_i, s_i> = <ΛᵀΛ, Y Lᵀ>``, the inner
product of two b x b matrices. With ``E = A'(S)``:

* ``dL = (Λᵀ E - ΛᵀΛ Y) / n``
* ``dY = (Λᵀ logsumexp(S) - ΛᵀΛ L) / n``; the sigmoid has no first term
* ``dΛ = (E Lᵀ + logsumexp(S) (Y 1)ᵀ - Λ (Y Lᵀ + L Yᵀ)) / n``; the sigmoid has no middle term

The forward pass computes all of them, block by block, so S never exists for more than one block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .checks import MASKED
from .inputs import compute_dtype, one_hot

# How many mixed logits a block has: few enough for the cache of a CPU, enough to fill another device.
_BLOCK_CPU = 1 << 18
_BLOCK_DEVICE = 1 << 26

# Weights by the block: positions ``lo, hi``, and for these the first row of each block and its weights
# ``(q, k, b)``.
Blocks = Iterable[tuple[int, int, Iterable[tuple[int, Tensor]]]]


@dataclass
class Wanted:
    """Which gradients to compute beside the loss."""

    logits: bool
    targets: bool
    weights: bool


def given_blocks(weights: Tensor) -> Iterator[tuple[int, int, list[tuple[int, Tensor]]]]:
    """Weights ``(r, n, b)`` that exist already, as one block; :func:`run` splits it."""
    yield 0, weights.shape[0], [(0, weights)]


def run(
    kind: str, logits: Tensor, targets: Tensor, n: int, blocks: Blocks, wanted: Wanted
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Compute the loss and its gradients.

    Args:
        kind: ``'softmax'`` or ``'sigmoid'``.
        logits: ``(r, b, c)``.
        targets: ``(r, b)`` integers or ``(r, b, c)``.
        n: Number of tuples, at each position.
        blocks: The weights, in blocks that cover every position and row once.
        wanted: Which gradients to compute.

    Returns:
        The loss, and its gradients for the logits ``(r, b, c)``, the targets ``(r, b, c)`` and the
        weights ``(r, n, b)``. A gradient that is not wanted is None.
    """
    r, b, c = logits.shape
    dtype = compute_dtype(logits.dtype)
    like: Any = dict(dtype=dtype, device=logits.device)
    grads = _Gradients(
        torch.empty(r, b, c, **like) if wanted.logits else None,
        torch.empty(r, b, c, **like) if wanted.targets else None,
        torch.empty(r, n, b, **like) if wanted.weights else None,
    )
    loss = torch.zeros((), dtype=torch.float64, device=logits.device)
    budget = _BLOCK_CPU if logits.device.type == 'cpu' else _BLOCK_DEVICE
    for lo, hi, row_blocks in blocks:
        groups: list[_Group] = []
        for start, weights in row_blocks:
            k = weights.shape[1]
            q = min(hi - lo, max(1, budget // (k * c)))  # positions of a group
            if not groups:
                groups = [
                    _Group(kind, logits, targets, p, min(p + q, hi), 1 / (n * r), grads)
                    for p in range(lo, hi, q)
                ]
            step = math.ceil(k / math.ceil(q * k * c / budget)) if q == 1 else k
            for group in groups:
                block = weights[group.lo - lo : group.hi - lo].to(dtype)
                for i in range(0, k, step):
                    loss += group.add(block[:, i : i + step], start + i)
        for group in groups:
            loss += group.finish()
    return (loss / (n * r)).to(dtype), grads.logits, grads.targets, grads.weights


@dataclass
class _Gradients:
    logits: Tensor | None
    targets: Tensor | None
    weights: Tensor | None


class _Group:
    """A few positions: what all blocks of their weights share, and the gradients so far."""

    def __init__(
        self, kind: str, logits: Tensor, targets: Tensor, lo: int, hi: int, scale: float, grads: _Gradients
    ) -> None:
        self.kind, self.lo, self.hi, self.scale, self.grads = kind, lo, hi, scale, grads
        dtype = compute_dtype(logits.dtype)
        raw = logits[lo:hi].to(dtype)
        self.masked = None
        # The CPU can look for masked classes at no cost; another device would have to be waited for.
        if raw.device.type != 'cpu' or not bool(raw.amin() > -MASKED):
            self.masked = raw <= -MASKED
            # A masked class is -1e30 rather than -inf, so that a weight of 0 times it is not NaN.
            raw = raw.clamp_min(-MASKED)
        self.logits = raw  # (q, b, c)
        if kind == 'softmax':
            # Subtracting a number from all logits of an example changes neither the loss nor its
            # gradients, as rows of E and Ỹ have the same sum. It keeps the two terms small.
            self.logits = self.logits - self.logits.amax(dim=-1, keepdim=True)
        self.targets = targets[lo:hi]
        self.soft = targets.is_floating_point()
        if self.soft:
            self.targets = self.targets.to(dtype)
        # ΛᵀΛ costs n b b, Ỹ costs n b c: take the cheaper one. The gradients for targets and weights
        # need ΛᵀΛ.
        q, b, c = self.logits.shape
        self.by_gram = b <= c or grads.targets is not None or grads.weights is not None
        self.empty = True
        self.dense_targets = None
        if self.by_gram:
            self.gram = torch.empty(q, b, b, dtype=dtype, device=logits.device)
            self.agreement = self._agreement()  # L Yᵀ, (q, b, b)
        else:
            self.dense_targets = one_hot(self.targets, c, dtype)
        self.mass = self.targets.sum(dim=-1, keepdim=True) if self.soft else None  # (q, b, 1)

    def add(self, weights: Tensor, start: int) -> Tensor:
        """Add rows ``(q, k, b)`` of Λ, the first of which is row ``start``; return their part of the loss."""
        s = torch.bmm(weights, self.logits)  # S = ΛL, (q, k, c)
        first = self.empty
        value = torch.zeros((), dtype=torch.float64, device=s.device)
        mixed_targets = None
        if not self.by_gram:
            mixed_targets = torch.bmm(weights, self.dense_targets)  # Ỹ = ΛY, (q, k, c)
            value -= (mixed_targets * s).sum(dtype=torch.float64)
        if self.kind == 'softmax':
            mass = weights.sum(dim=-1, keepdim=True) if self.mass is None else weights @ self.mass
            lse, scale = _softmax_(s, mass)
            value += (mass * lse).sum(dtype=torch.float64)
        else:
            lse = scale = None
            value += _sigmoid_(s)
        grads = self.grads
        if grads.weights is not None:
            self._weights_gradient(weights, start, s, lse, scale)
        if grads.targets is not None and lse is not None:
            _accumulate(grads.targets[self.lo : self.hi], weights, lse.expand_as(s), first=first)
        if grads.logits is not None:
            out = grads.logits[self.lo : self.hi]
            if mixed_targets is not None:
                s = (s if scale is None else s.mul_(scale)).sub_(mixed_targets)
                scale = None
            _accumulate(out, weights if scale is None else weights * scale, s, first=first)
        if self.by_gram:
            _accumulate(self.gram, weights, weights, first=first)
        self.empty = False
        return value

    def finish(self) -> Tensor:
        """Complete the gradients by the terms of ΛᵀΛ; return what these add to the loss."""
        value = torch.zeros((), dtype=torch.float64, device=self.logits.device)
        here = slice(self.lo, self.hi)
        grads = self.grads
        if self.by_gram:
            value -= (self.gram * self.agreement).sum(dtype=torch.float64)
        if grads.logits is not None:
            grad = grads.logits[here]
            if self.by_gram:
                self._subtract_gram_targets(grad)
            grad.mul_(self.scale)
            if self.masked is not None:
                grad.masked_fill_(self.masked, 0)
        if grads.targets is not None:
            grad = grads.targets[here]
            if self.kind != 'softmax':
                grad.zero_()
            torch.baddbmm(grad, self.gram, self.logits, alpha=-1, out=grad)
            grad.mul_(self.scale)
        return value

    def _agreement(self) -> Tensor:
        """L Yᵀ ``(q, b, b)``: at [l, k] the inner product of example l's logits and k's target."""
        if self.soft:
            return torch.bmm(self.logits, self.targets.transpose(1, 2))
        q, b, c = self.logits.shape
        columns = self.targets.unsqueeze(1).expand(q, b, b)
        if self.kind == 'softmax':
            return self.logits.gather(2, columns)
        known = columns < c
        return self.logits.gather(2, columns.clamp_max(c - 1)) * known

    def _subtract_gram_targets(self, grad: Tensor) -> None:
        """``grad -= ΛᵀΛ Y``."""
        if self.soft or grad.device.type != 'cpu' or self.kind != 'softmax':
            # On a device a scatter adds in any order; a product repeats exactly.
            y = one_hot(self.targets, grad.shape[2], grad.dtype)
            torch.baddbmm(grad, self.gram, y, alpha=-1, out=grad)
        else:
            columns = self.targets.unsqueeze(1).expand_as(self.gram)
            grad.scatter_add_(2, columns, self.gram.neg())

    def _weights_gradient(
        self, weights: Tensor, start: int, e: Tensor, lse: Tensor | None, scale: Tensor | None
    ) -> None:
        out = self.grads.weights[self.lo : self.hi, start : start + weights.shape[1]]
        grad = torch.bmm(e, self.logits.transpose(1, 2))  # E Lᵀ, (q, k, b)
        if scale is not None:
            grad *= scale
        grad -= torch.bmm(weights, self.agreement + self.agreement.transpose(1, 2))
        if lse is not None:
            grad += lse if self.mass is None else lse * self.mass.transpose(1, 2)
        out.copy_(grad.mul_(self.scale))


def _accumulate(out: Tensor, weights: Tensor, rows: Tensor, *, first: bool) -> None:
    """``out += weightsᵀ rows``, or ``out = weightsᵀ rows`` for the first block, before which it is empty.

    Args:
        out: ``(q, b, j)``.
        weights: ``(q, k, b)``.
        rows: ``(q, k, j)``.
        first: Whether out holds nothing yet.
    """
    if first:  # torch 2.0 takes NaN over from an empty `out` even where baddbmm multiplies it by 0
        torch.bmm(weights.transpose(1, 2), rows, out=out)
    else:
        torch.baddbmm(out, weights.transpose(1, 2), rows, out=out)


def _softmax_(s: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """Turn s into exponentials in place; return its logsumexp, and the factors that make E of them."""
    top = s.amax(dim=-1, keepdim=True)
    total = s.sub_(top).exp_().sum(dim=-1, keepdim=True)
    return top + total.log(), mass / total  # both (q, k, 1)


def _sigmoid_(s: Tensor) -> Tensor:
    """Turn s into sigmoids in place; return the sum of softplus(s)."""
    value = F.softplus(s, threshold=50).sum(dtype=torch.float64)
    s.sigmoid_()
    return value
