"""MultiMix in one call: draw the weights and compute the loss, a block at a time.

Shape letters: b examples, n tuples, c classes, r positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .checks import check_logits
from .fused_autograd import drawn_loss
from .inputs import compute_dtype, empty_loss, expand_targets, with_positions
from .weights import Recipe


def multimix_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    n: int = 1000,
    *,
    m: int | None = None,
    alpha: float | tuple[float, float] | None = None,
    ess: float | tuple[float, float] | None = None,
    alpha_per: str = 'tuple',
    attention: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mixed cross-entropy of n tuples drawn on the way.

    It is what this computes, and the same generator state gives the same loss::

        weights = sample_weights(
            n, b, r=r, m=m, alpha=alpha, ess=ess, alpha_per=alpha_per, generator=generator,
            device=logits.device, dtype=torch.promote_types(logits.dtype, torch.float32),
        )
        if attention is not None:
            weights = attend(weights, attention)
        mixed_cross_entropy(logits, targets, weights)

    but the weights only ever exist a block at a time, so time is linear in n and memory does not
    depend on it.

    Args:
        logits: ``(b, c)``, or ``(r, b, c)`` at r positions.
        targets: As in :func:`mixed_cross_entropy`.
        n: Number of tuples, at each position.
        m: Tuple length; None means b.
        alpha: As in :func:`sample_weights`.
        ess: As in :func:`sample_weights`.
        alpha_per: As in :func:`sample_weights`.
        attention: ``(b, r)`` from :func:`spatial_attention`, for logits with positions. It gets
            no gradient; the three lines above give it one.
        generator: Source of randomness, on the device of the logits.

    Returns:
        A scalar, as :func:`mixed_cross_entropy`.

    Raises:
        ValueError: As :func:`mixed_cross_entropy` and :func:`sample_weights`.
    """
    return _drawn('softmax', logits, targets, n, m, alpha, ess, alpha_per, attention, generator)


def multimix_binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    n: int = 1000,
    *,
    m: int | None = None,
    alpha: float | tuple[float, float] | None = None,
    ess: float | tuple[float, float] | None = None,
    alpha_per: str = 'tuple',
    attention: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mixed binary cross-entropy of n tuples drawn on the way.

    The loss is that of :func:`mixed_binary_cross_entropy`; arguments, weights, result and errors are
    those of :func:`multimix_cross_entropy`.
    """
    return _drawn('sigmoid', logits, targets, n, m, alpha, ess, alpha_per, attention, generator)


def _drawn(
    kind: str,
    logits: Tensor,
    targets: Tensor,
    n: int,
    m: int | None,
    alpha: Any,
    ess: Any,
    alpha_per: str,
    attention: Tensor | None,
    generator: torch.Generator | None,
) -> Tensor:
    positions = logits.dim() == 3
    logits = with_positions(logits)
    targets = expand_targets(targets, logits, background=kind == 'sigmoid')
    r, b, _ = logits.shape
    if attention is not None and (not positions or attention.shape != (b, r)):
        raise ValueError(
            f'attention must be (b, r) = ({b}, {r}) beside logits (r, b, c), got {tuple(attention.shape)}'
        )
    dtype = compute_dtype(logits.dtype)
    recipe = Recipe.checked(
        n, max(b, 1), r, m if b else None, alpha, ess, alpha_per, generator, logits.device, dtype
    )
    if not b:
        return empty_loss(logits)
    check_logits(logits.detach(), competing=kind == 'softmax')
    return drawn_loss(kind, logits, targets, recipe, attention)
