"""One shape and one dtype for all inputs of the mixed losses.

Shape letters: b examples, n tuples, c classes, r positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_finite, check_labels, check_logits


def checked_inputs(
    logits: Tensor, targets: Tensor, weights: Tensor, *, competing: bool = True
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Check the inputs of a mixed loss, and give each its axis of positions.

    Args:
        logits: ``(b, c)`` or ``(r, b, c)``.
        targets: See :func:`expand_targets`.
        weights: See :func:`expand_weights`.
        competing: Whether the classes compete, in a softmax. Where they do not, the integer c is a label too.

    Returns:
        Logits ``(r, b, c)``, targets and weights; None for an empty mini-batch.
    """
    positions = logits.dim() == 3
    logits = with_positions(logits)
    targets = expand_targets(targets, logits, background=not competing)
    weights = expand_weights(weights, logits, positions=positions)
    if not logits.shape[1]:
        return None
    check_logits(logits.detach(), competing=competing)
    return logits, targets, weights


def with_positions(logits: Tensor) -> Tensor:
    """Give ``(b, c)`` logits the axis of positions they lack: ``(1, b, c)``."""
    if logits.dim() not in (2, 3):
        raise ValueError(f'logits must be (b, c) or (r, b, c), got {tuple(logits.shape)}')
    if not logits.is_floating_point():
        raise ValueError(f'logits must be floating, got {logits.dtype}')
    if not logits.shape[-1] or (logits.dim() == 3 and not logits.shape[0]):
        raise ValueError(f'logits must have classes and positions, got {tuple(logits.shape)}')
    return logits if logits.dim() == 3 else logits.unsqueeze(0)


def expand_targets(targets: Tensor, logits: Tensor, *, background: bool) -> Tensor:
    """Expand targets, without copying, to ``(r, b)`` integers or ``(r, b, c)`` soft ones.

    Args:
        targets: ``(b,)`` or ``(r, b)`` integers, ``(b, c)`` or ``(r, b, c)`` soft.
        logits: ``(r, b, c)``.
        background: Whether the integer c is a label too, one without a class of its own.
    """
    r, b, c = logits.shape
    if targets.device != logits.device:
        raise ValueError(f'targets are on {targets.device}, logits on {logits.device}')
    if targets.dtype == torch.bool or targets.is_complex():
        raise ValueError(f'targets must be integers or floating, got {targets.dtype}')
    soft = targets.is_floating_point()
    allowed = [(b, c), (r, b, c)] if soft else [(b,), (r, b)]
    if tuple(targets.shape) not in allowed:
        raise ValueError(
            f'{"soft" if soft else "integer"} targets must be {allowed[0]} or {allowed[1]} '
            f'for these logits, got {tuple(targets.shape)}'
        )
    if soft:
        check_finite('soft targets', targets)
        return targets.expand(r, b, c)
    check_labels(targets, c, background=background)
    return targets.long().expand(r, b)


def expand_weights(weights: Tensor, logits: Tensor, *, positions: bool) -> Tensor:
    """Expand ``(n, b)`` or ``(r, n, b)`` weights, without copying, to ``(r, n, b)``."""
    r, b, _ = logits.shape
    shape = tuple(weights.shape)
    allowed = weights.dim() == 2 or (weights.dim() == 3 and positions and shape[0] == r)
    if not allowed or shape[-1] != b:
        want = f'(n, {b}) or ({r}, n, {b})' if positions else f'(n, {b})'
        raise ValueError(f'weights must be {want} for these logits, got {shape}')
    if weights.shape[-2] < 1:
        raise ValueError('weights must have n >= 1 rows, got n = 0')
    if weights.device != logits.device:
        raise ValueError(f'weights are on {weights.device}, logits on {logits.device}')
    check_finite('weights', weights, signed=False)
    return weights.expand(r, *weights.shape[-2:])


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype to compute in: at least float32, float64 stays."""
    return torch.promote_types(dtype, torch.float32)


def empty_loss(logits: Tensor) -> Tensor:
    """The loss of no examples: a zero attached to the logits, in the dtype of a loss."""
    return logits.sum().to(compute_dtype(logits.dtype))


def one_hot(targets: Tensor, c: int, dtype: torch.dtype) -> Tensor:
    """``(..., b)`` integers to ``(..., b, c)``; the integer c gives a row of zeros. Soft: cast."""
    if targets.is_floating_point():
        return targets.to(dtype)
    return (targets.unsqueeze(-1) == torch.arange(c, device=targets.device)).to(dtype)
