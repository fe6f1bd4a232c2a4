"""Matrix products, by the fastest routine at hand.

On the CPU torch multiplies float32 matrices with MKL, which on some processors (AMD's with AVX-512)
runs at half the speed of oneDNN, the library behind torch's convolutions. torch offers oneDNN's
product as an operator of its compiler's; it is used for large products where it exists. Both
round to float32 and nothing less.

Shape letters: q positions and k rows of one block; i, j, l any.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# Below this many multiplications a call costs more than it computes.
_LARGE = 1 << 19
_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, '_linear_pointwise')


def _onednn(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a @ b + bias`` of matrices."""
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), bias, 'none', [], '')


def _suits_onednn(*matrices: Tensor, multiplications: int) -> bool:
    fit = all(x.dtype == torch.float32 and x.device.type == 'cpu' for x in matrices)
    return _HAS_ONEDNN and fit and multiplications >= _LARGE


def _by_onednn(a: Tensor, b: Tensor) -> bool:
    return a.shape[0] == 1 and _suits_onednn(a, b, multiplications=a.shape[1] * a.shape[2] * b.shape[2])


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b``, position by position: ``(q, i, l)`` and ``(q, l, j)`` give ``(q, i, j)``."""
    if _by_onednn(a, b):
        return _onednn(a[0], b[0]).unsqueeze(0)
    return torch.bmm(a, b)


def accumulate(out: Tensor, weights: Tensor, rows: Tensor, *, first: bool) -> None:
    """``out = weightsᵀ rows``, added to what is there unless it is the first.

    Args:
        out: ``(q, b, j)``.
        weights: ``(q, k, b)``.
        rows: ``(q, k, j)``.
        first: Whether out holds nothing yet.
    """
    a = weights.transpose(1, 2)
    if not _by_onednn(a, rows):
        torch.baddbmm(out, a, rows, beta=0 if first else 1, out=out)
        return
    if rows.shape[2] < weights.shape[2]:  # the narrower matrix is the better one to transpose
        result = product(rows.transpose(1, 2), weights).transpose(1, 2)
    else:
        result = product(a, rows)
    if first:
        out.copy_(result)
    else:
        out.add_(result)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear``: ``(..., d)`` by ``(c, d)`` and ``(c,)`` gives ``(..., c)``; no second derivative."""
    work = x.numel() * weight.shape[0]
    stock = torch.is_autocast_enabled(x.device.type) or torch.compiler.is_compiling()
    if stock or not _suits_onednn(x, weight, multiplications=work):
        return F.linear(x, weight, bias)
    flat = _Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias)
    return flat.view(*x.shape[:-1], -1)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight.t(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        return (
            _onednn(grad, weight) if need_x else None,
            _onednn(grad.t(), x) if need_weight else None,
            grad.sum(dim=0) if need_bias else None,
        )
