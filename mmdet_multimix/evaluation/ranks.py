"""The rank of the label among the scores, and the measures that follow from it.

Shape letters of this folder: N images, b of them in a batch, c classes, d channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def check_scores(scores: Tensor, labels: Tensor) -> None:
    """Refuse scores from which nothing can be measured.

    Args:
        scores: Logits or probabilities ``(b, c)``.
        labels: ``(b,)`` integers.

    Raises:
        ValueError: Another shape, a label that is no class, or a score that is not finite.
    """
    if scores.dim() != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            f'scores must be (b, c) and labels (b,), got {tuple(scores.shape)} and {tuple(labels.shape)}'
        )
    if not scores.isfinite().all():
        bad = int((~scores.isfinite()).any(dim=1).sum())
        raise ValueError(
            f'the scores of {bad} of {len(scores)} images are not finite: has the training diverged?'
        )
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < scores.shape[1]:
        raise ValueError(
            f'labels from {int(labels.min())} to {int(labels.max())}, but there are scores of '
            f'{scores.shape[1]} classes'
        )


def label_ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """How many classes come before the label, 0 where it has the highest score.

    Among equal scores the lower class comes first, as in ``argmax``.

    Args:
        scores: ``(b, c)``.
        labels: ``(b,)``.

    Returns:
        ``(b,)`` integers.
    """
    own = scores.gather(1, labels[:, None])
    earlier = torch.arange(scores.shape[1], device=scores.device) < labels[:, None]
    return ((scores > own) | ((scores == own) & earlier)).sum(dim=1)


def topk_accuracy(ranks: Tensor, topk: Sequence[int]) -> dict[str, float]:
    """Share of images whose label is among the k classes of highest score, in percent.

    Args:
        ranks: ``(N,)``, see :func:`label_ranks`.
        topk: The values of k.

    Returns:
        ``top1``, and so on.
    """
    return {f'top{k}': 100.0 * (ranks < k).double().mean().item() for k in topk}


def negative_log_likelihood(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """``-log p(label)`` of every image, in nats.

    Args:
        log_probabilities: ``(b, c)``.
        labels: ``(b,)``.

    Returns:
        ``(b,)``.
    """
    return -log_probabilities.gather(1, labels[:, None]).squeeze(1)


def confidence(logits: Tensor) -> Tensor:
    """Maximum softmax probability of every image.

    It is computed in float64. In float32 every image with a margin of more than 17 nats would have the
    confidence 1, and no threshold could tell these images apart.

    Args:
        logits: ``(b, c)``.

    Returns:
        ``(b,)`` float64.
    """
    return logits.double().softmax(dim=1).amax(dim=1)
