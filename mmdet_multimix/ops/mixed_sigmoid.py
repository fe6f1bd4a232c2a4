"""Binary cross-entropy and focal losses of mixed logits, for classifiers with a sigmoid for each class.

Many detectors have one. The paper's loss is softmax cross-entropy; these losses are not part of it.

Shape letters: b examples, n tuples, c classes, r positions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .checks import check_choice, check_factor, check_share
from .fused_autograd import fused_loss
from .inputs import checked_inputs, empty_loss
from .mixed_cross_entropy import IMPLS, mix

FOCAL_KINDS = ('focal', 'quality')


def mixed_binary_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor, *, impl: str = 'fused'
) -> Tensor:
    """Binary cross-entropy of n interpolated examples: mean over tuples, *sum* over classes.

    It is what this computes, without the tensors in it::

        mixed_logits = weights @ logits  # (n, c)
        mixed_targets = weights @ one_hot(targets)  # (n, c)
        F.binary_cross_entropy_with_logits(mixed_logits, mixed_targets, reduction='none').sum(-1).mean()

    Binary cross-entropy is linear in the targets like cross-entropy, so the same identity holds.

    Args:
        logits: ``(b, c)``, or ``(r, b, c)`` at r positions.
        targets: As in :func:`mixed_cross_entropy`; the integer c is background, no class at all.
        weights: ``(n, b)`` or ``(r, n, b)``.
        impl: ``'fused'`` or ``'plain'``.

    Returns:
        A scalar, the mean over tuples and positions of the sum over classes.

    Raises:
        ValueError: As :func:`mixed_cross_entropy`.
    """
    check_choice('impl', impl, IMPLS)
    inputs = checked_inputs(logits, targets, weights, competing=False)
    if inputs is None:
        return empty_loss(logits)
    if impl == 'fused':
        return fused_loss('sigmoid', *inputs)
    with torch.autocast(logits.device.type, enabled=False):
        mixed_logits, mixed_targets = mix(*inputs)
        loss = F.binary_cross_entropy_with_logits(mixed_logits, mixed_targets, reduction='none')
        return loss.sum(dim=-1).mean()


def mixed_focal_loss(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    *,
    kind: str = 'focal',
    gamma: float = 2.0,
    alpha: float = 0.25,
) -> Tensor:
    """Focal loss of n interpolated examples: mean over tuples, sum over classes.

    The modulating factor is not linear in the logits, so the identity of the other losses does not
    hold: logits and targets are mixed, ``n * c`` numbers each, and autograd does the rest. With
    p the sigmoid of a mixed logit and y its mixed target, of each class

    * ``'focal'`` (Lin et al. 2017): ``y · alpha (1 - p)^gamma (-log p) + (1 - y) · (1 - alpha)
      p^gamma (-log (1 - p))``, the two cases of a hard target interpolated;
    * ``'quality'`` (Li et al. 2020, for soft targets): ``|y - p|^gamma BCE(p, y)``.

    Args:
        logits: ``(b, c)``, or ``(r, b, c)`` at r positions.
        targets: As in :func:`mixed_binary_cross_entropy`.
        weights: ``(n, b)`` or ``(r, n, b)``.
        kind: ``'focal'`` or ``'quality'``.
        gamma: Exponent of the modulating factor, at least 0.
        alpha: Weight of the positive term of ``'focal'``, in [0, 1].

    Returns:
        A scalar, the mean over tuples and positions of the sum over classes.

    Raises:
        ValueError: An unknown kind, gamma or alpha out of range, or as
            :func:`mixed_cross_entropy`.
    """
    check_choice('kind', kind, FOCAL_KINDS)
    check_factor('gamma', gamma)
    check_share('alpha', alpha)
    inputs = checked_inputs(logits, targets, weights, competing=False)
    if inputs is None:
        return empty_loss(logits)
    with torch.autocast(logits.device.type, enabled=False):
        s, y = mix(*inputs)
        p = s.sigmoid()
        if kind == 'quality':
            bce = F.binary_cross_entropy_with_logits(s, y, reduction='none')
            return (_power((y - p).abs(), gamma) * bce).sum(dim=-1).mean()
        positive = alpha * _power(1 - p, gamma) * -F.logsigmoid(s)
        negative = (1 - alpha) * _power(p, gamma) * -F.logsigmoid(-s)
        return (y * positive + (1 - y) * negative).sum(dim=-1).mean()


def _power(x: Tensor, gamma: float) -> Tensor:
    if 0 < gamma < 1:  # at 0 the slope is infinite, and infinity times a gradient of 0 is NaN
        x = x.clamp_min(torch.finfo(x.dtype).tiny)
    return x.pow(gamma)
