"""Matrix products of the fused losses, by the fastest routine at hand.

On the CPU torch multiplies float32 matrices with MKL, which on some processors (AMD's with AVX-512)
runs at half the speed of oneDNN, the library behind torch's convolutions. torch offers oneDNN's
product as an operator of its compiler's; it is used for large products where it exists. Both
round to float32 and nothing less.

Shape letters: q positions and k rows of one block; i, j, l any.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Below this many multiplications a call costs more than it computes.
_LARGE = 1 << 19
_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, '_linear_pointwise')


def _by_onednn(a: Tensor, b: Tensor) -> bool:
    return (
        _HAS_ONEDNN
        and a.shape[0] == 1
        and a.dtype == torch.float32
        and a.device.type == 'cpu'
        and a.shape[1] * a.shape[2] * b.shape[2] >= _LARGE
    )


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b``, position by position: ``(q, i, l)`` and ``(q, l, j)`` give ``(q, i, j)``."""
    if _by_onednn(a, b):
        return torch.ops.mkldnn._linear_pointwise(a[0], b[0].t(), None, 'none', [], '').unsqueeze(0)
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
