"""Attention of Dense MultiMix where examples are positions with labels of their own, as in detectors.

Shape letters: b examples (positions of all levels and images), c logits of an example.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_choice
from .inputs import compute_dtype, expand_targets, one_hot, with_positions

LINKS = ('softmax', 'sigmoid')


def score_attention(logits: Tensor, targets: Tensor, *, link: str = 'softmax') -> Tensor:
    """Confidence that the label of each position holds there, normalised over the positions of a label.

    It is what this computes, detached::

        p = logits.softmax(-1)  # or the sigmoid
        s = p[i, y[i]]  # for the background of a sigmoid: 1 - p[i].max()
        a[i] = s[i] / mean(s[k] for all k with y[k] == y[i])

    Then :func:`attend` multiplies each drawn row of weights by it, eq. (10), and renormalises the row,
    eq. (11), as at a single position r = 1.

    In the paper (section 3.3, eq. 9) an example is an image, its label holds somewhere in its map, and
    attention is l1-normalised over the map. A one-stage detector's assigner has already said where labels
    hold, a position at a time, and not which positions are of one object: so the positions of a label, in
    all images of the mini-batch, take the place of the positions of an image. Two more deviations: the
    confidence is the classifier's own score, as it is trained at every position, rather than a product with
    a mean embedding; and the mean over a label's positions, not their sum, becomes 1. With as many positions
    for each, as in the paper, eq. (11) makes the two the same; but labels have different numbers of
    positions here, and with the sum a label's share of the mixed targets would no longer be that of its
    positions. So attention says where a label is mixed, and never how much of it.

    Args:
        logits: ``(b, c)``.
        targets: ``(b,)`` integers, or ``(b, c)`` soft, whose largest entry is the label; for the sigmoid
            the integer c, or a row of zeros, is the background.
        link: ``'softmax'`` or ``'sigmoid'``.

    Returns:
        ``(b,)``, non-negative, mean 1 over the examples of each label; float32 at least. Where all scores of
        a label vanish they become 1.

    Raises:
        ValueError: An unknown link, shapes that do not match; on the CPU also labels out of range.
    """
    check_choice('link', link, LINKS)
    if logits.dim() != 2:
        raise ValueError(f'logits must be (b, c), got {tuple(logits.shape)}')
    targets = expand_targets(targets, with_positions(logits), background=link == 'sigmoid')[0]
    c = logits.shape[1]
    dtype = compute_dtype(logits.dtype)
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        labels = targets
        if targets.is_floating_point():
            top, labels = targets.max(dim=1)
            if link == 'sigmoid':
                labels = torch.where(top > 0, labels, c)
        logits = logits.to(dtype)
        if link == 'softmax':
            p = logits.softmax(dim=1)
        else:
            # 1 - p.max() of large logits would be rounded to zero.
            p = torch.cat([logits, -logits.amax(dim=1, keepdim=True)], dim=1).sigmoid()  # (b, c + 1)
        s = p.gather(1, labels.unsqueeze(1))  # (b, 1)
        of_label = one_hot(labels, p.shape[1], dtype)  # (b, c), with a background (b, c + 1)
        mean = (of_label.t() @ s) / of_label.sum(dim=0).clamp_min(1).unsqueeze(1)
        mean = mean[labels]  # (b, 1)
        return torch.where(mean > 0, s / torch.where(mean > 0, mean, 1), 1).squeeze(1)
