"""The fused losses as autograd sees them, for weights that are given and weights drawn on the way.

:mod:`~mmdet_multimix.ops.fused` computes their values and gradients.

Shape letters: b examples, n tuples, c classes, r positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import fused
from .attention import attend
from .eager import eager
from .weights import Recipe


class _Fused(torch.autograd.Function):
    """Computes the gradients with the loss; backward only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        weights: Tensor | None,
        kind: str,
        n: int,
        blocks: fused.Blocks,
        grad_enabled: bool,
    ) -> Tensor:
        needs = ctx.needs_input_grad
        wanted = fused.Wanted(*(grad_enabled and needs[i] for i in range(3)))
        with torch.autocast(logits.device.type, enabled=False):
            loss, *grads = fused.run(kind, logits, targets, n, blocks, wanted)
        ctx.dtypes = [None if x is None else x.dtype for x in (logits, targets, weights)]
        ctx.save_for_backward(*grads)
        return loss

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                'the fused mixed losses have no second derivative: their gradient is computed '
                "in the forward pass; use impl='plain' with create_graph=True"
            )
        # The factor may be a loss scale: it multiplies float32 gradients, which are rounded to a half
        # type afterwards. A factor of 1 is no shortcut: the result becomes .grad, which the next
        # backward adds to in place, so it must not be the saved tensor.
        pairs = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        out = [None if saved is None else (saved * grad).to(dtype) for saved, dtype in pairs]
        return *out, None, None, None, None


@eager
def fused_loss(kind: str, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The loss for given weights ``(r, n, b)``, logits ``(r, b, c)`` and targets ``(r, b[, c])``."""
    blocks = fused.given_blocks(weights.detach())
    n = weights.shape[1]
    return _Fused.apply(logits, targets, weights, kind, n, blocks, torch.is_grad_enabled())


@eager
def drawn_loss(
    kind: str, logits: Tensor, targets: Tensor, recipe: Recipe, attention: Tensor | None
) -> Tensor:
    """The loss for weights that are drawn a block at a time; attention ``(b, r)`` gets no gradient."""
    blocks: fused.Blocks = recipe.blocks()
    if attention is not None:
        blocks = _attended(blocks, attention.detach())
    args = (kind, recipe.n, blocks, torch.is_grad_enabled())
    return _Fused.apply(logits, targets, None, *args)


def _attended(blocks: fused.Blocks, attention: Tensor) -> fused.Blocks:
    """The blocks of weights, each through :func:`attend`."""
    for lo, hi, row_blocks in blocks:
        here = attention[:, lo:hi]
        yield lo, hi, ((start, attend(block, here)) for start, block in row_blocks)
