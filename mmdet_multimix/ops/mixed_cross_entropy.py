"""Cross-entropy of mixed logits against mixed targets, eqs. (12) and (13) and the loss on top.

Shape letters: b examples, n tuples, c classes, r positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import MASKED, check_choice
from .fused_autograd import fused_loss
from .inputs import checked_inputs, compute_dtype, empty_loss, one_hot

IMPLS = ('fused', 'plain')


def mixed_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor, *, impl: str = 'fused') -> Tensor:
    """Mean cross-entropy of n interpolated examples, the loss of MultiMix.

    It is what this computes, without the tensors in it::

        mixed_logits = weights @ logits  # (n, c)
        mixed_targets = weights @ one_hot(targets)  # (n, c)
        -(mixed_targets * mixed_logits.log_softmax(-1)).sum(-1).mean()

    The paper interpolates embeddings, ``Z̃ = ΛZ``, and classifies them. Its classifier is linear
    and the rows of Λ sum to 1, so classifying first and interpolating logits is the same thing,
    bias included, at a fraction of the cost. It is not the same for a classifier that is not
    linear, such as one of cosines: interpolate its inputs, and classify those, instead.

    ``'fused'`` computes the gradients in the forward pass, a block of tuples at a time, and never
    holds ``mixed_logits``; :mod:`~mmdet_multimix.ops.fused` derives it. It has no second
    derivative. ``'plain'`` is the code above.

    Args:
        logits: ``(b, c)``, or ``(r, b, c)`` at r positions. A class of ``-inf`` (or anything below
            -1e30) is masked and gets no gradient; a target on a class that another example of the
            tuple masks costs about 1e30 instead of the infinity it is due.
        targets: ``(b,)`` integers or ``(b, c)`` soft, the same at all positions; or ``(r, b)``,
            ``(r, b, c)``. Soft ones need not sum to 1.
        weights: ``(n, b)`` or ``(r, n, b)``, from :func:`sample_weights`, maybe :func:`attend`.
        impl: ``'fused'`` or ``'plain'``.

    Returns:
        A scalar, the mean over tuples and positions, float32 at least (half precision inputs and
        autocast are computed in float32). An empty mini-batch gives a zero attached to the logits.

    Raises:
        ValueError: Shapes that do not match, an unknown ``impl``; on the CPU also labels out of
            range and NaN in the logits. On a device a bad label is a device-side assert, and NaN
            goes through to the loss, where a gradient scaler looks for it.
    """
    check_choice('impl', impl, IMPLS)
    inputs = checked_inputs(logits, targets, weights)
    if inputs is None:
        return empty_loss(logits)
    if impl == 'fused':
        return fused_loss('softmax', *inputs)
    with torch.autocast(logits.device.type, enabled=False):
        mixed_logits, mixed_targets = mix(*inputs)
        return -(mixed_targets * mixed_logits.log_softmax(dim=-1)).sum(dim=-1).mean()


def mix(logits: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mixed logits, in the place of embeddings, and mixed targets, eqs. (12) and (13).

    Args:
        logits: ``(r, b, c)``.
        targets: ``(r, b)`` integers or ``(r, b, c)`` soft.
        weights: ``(r, n, b)``.

    Returns:
        ``(r, n, c)`` both, float32 at least where autocast is off.
    """
    dtype = compute_dtype(logits.dtype)
    weights = weights.to(dtype)
    mixed_logits = weights @ logits.to(dtype).clamp_min(-MASKED)  # eq. (12)
    return mixed_logits, weights @ one_hot(targets, logits.shape[2], dtype)  # eq. (13)
