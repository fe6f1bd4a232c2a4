"""The geometry of an embedding space, on l2-normalised features.

Alignment and uniformity are Wang and Isola's (Understanding Contrastive Representation Learning through
Alignment and Uniformity on the Hypersphere, ICML 2020, sections 4.1.1 and 4.1.2, with alpha = 2 and t = 2).
Class tightness and spread are our own: the literature on mixup speaks of tight classes that are spread over
the sphere, but we know of no definition there.

All measures take features ``(N, d)`` of any scale. They are exact, and NaN where there is no pair to measure.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def geometry(features: Tensor, labels: Tensor) -> dict[str, float]:
    """All four measures by name.

    Args:
        features: ``(N, d)``.
        labels: ``(N,)``.
    """
    return {
        'alignment': alignment(features, labels),
        'uniformity': uniformity(features),
        'tightness': class_tightness(features, labels),
        'spread': class_spread(features, labels),
    }


def alignment(features: Tensor, labels: Tensor) -> float:
    """Mean squared distance of two images of the same class, over all such pairs; lower is better.

    In [0, 4]. With ``s`` the sum of the n features of a class, the squared distances of its pairs add up to
    ``n * sum_i ||z_i||^2 - ||s||^2``, so no pair is ever formed.

    Args:
        features: ``(N, d)``.
        labels: ``(N,)``.
    """
    z = _unit(features).double()
    counts, sums = _class_sums(z, labels)
    squares = torch.zeros_like(counts).index_add_(0, labels, z.square().sum(dim=1))
    pairs = (counts * (counts - 1) / 2).sum()
    return ((counts * squares - sums.square().sum(dim=1)).clamp(min=0).sum() / pairs).item()


def uniformity(features: Tensor, block: int = 2048) -> float:
    """``log E exp(-2 ||x - y||^2)`` over all pairs of two images; lower is better.

    In [-8, 0]. It takes N^2 d multiplications, and memory for block^2 numbers.

    Args:
        features: ``(N, d)``.
        block: Number of images whose distances are computed at a time.
    """
    z = _unit(features)
    squares = z.square().sum(dim=1)
    total = torch.zeros((), dtype=torch.float64, device=z.device)
    for i in range(0, len(z), block):
        for j in range(i, len(z), block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            distances = squares[rows, None] + squares[None, columns] - 2 * z[rows] @ z[columns].t()
            kernel = (-2 * distances.clamp(min=0)).exp()
            total += (kernel.triu(diagonal=1) if i == j else kernel).sum(dtype=torch.float64)
    pairs = len(z) * (len(z) - 1) / 2
    return math.log(total.item() / pairs) if pairs else math.nan


def class_tightness(features: Tensor, labels: Tensor) -> float:
    """Mean squared distance of the images of a class from its centre, averaged over classes; lower is better.

    The centre is the l2-normalised mean of the class's features. In [0, 2]; large classes count no more than
    small ones, and a class without images not at all.

    Args:
        features: ``(N, d)``.
        labels: ``(N,)``.
    """
    # ||z - u||^2 = 2 - 2 <z, u>, and the mean of <z, u> over a class is the length of its mean.
    return (2 - 2 * _class_means(features, labels).norm(dim=1)).clamp(min=0).mean().item()


def class_spread(features: Tensor, labels: Tensor) -> float:
    """Mean squared distance of the centres of two classes, over all pairs of classes; higher is better.

    Centres as in :func:`class_tightness`. In [0, 2k / (k - 1)] for k classes, the maximum being a simplex.

    Args:
        features: ``(N, d)``.
        labels: ``(N,)``.
    """
    centres = _unit(_class_means(features, labels))
    k = len(centres)
    # The cosines of all ordered pairs of different centres add up to ||sum||^2 - sum of ||.||^2.
    cosines = centres.sum(dim=0).square().sum() - centres.square().sum()
    return 2 - 2 * (cosines / (k * (k - 1))).item() if k > 1 else math.nan


def _unit(features: Tensor) -> Tensor:
    if not features.isfinite().all():
        raise ValueError('the features hold values that are not finite: has the training diverged?')
    return F.normalize(features, dim=1)


def _class_sums(z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Images a class ``(c,)`` and the sum of their features ``(c, d)``, in float64."""
    c = int(labels.max()) + 1 if labels.numel() else 0
    sums = z.new_zeros(c, z.shape[1]).index_add_(0, labels, z)
    return torch.bincount(labels, minlength=c).to(z.dtype), sums


def _class_means(features: Tensor, labels: Tensor) -> Tensor:
    """Mean of the l2-normalised features of every class that has images, ``(k, d)``, in float64."""
    counts, sums = _class_sums(_unit(features).double(), labels)
    return sums[counts > 0] / counts[counts > 0, None]
