"""Calibration: how far the confidence of a classifier is its probability of being right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..ops.checks import check_count

BINS = 15  # Guo et al., On Calibration of Modern Neural Networks, ICML 2017


@dataclass
class Reliability:
    """What a reliability diagram shows, for each of M bins.

    Attributes:
        edges: ``(M + 1,)``; bin i holds the confidences above ``edges[i]``, up to and with ``edges[i + 1]``,
            the first one 0 as well.
        counts: ``(M,)`` images.
        confidence: ``(M,)`` mean confidence, 0 of an empty bin.
        accuracy: ``(M,)`` share of right predictions, 0 of an empty bin.
    """

    edges: Tensor
    counts: Tensor
    confidence: Tensor
    accuracy: Tensor

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean over images of ``|accuracy - confidence|`` of their bin."""
        gaps = (self.accuracy - self.confidence).abs()
        return ((self.counts * gaps).sum() / self.counts.sum()).item()


def reliability(confidence: Tensor, correct: Tensor, bins: int = BINS) -> Reliability:
    """Sort predictions into bins of equal width by their confidence.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.

    Args:
        confidence: Probability of the predicted class, ``(N,)``.
        correct: Whether the prediction is right, ``(N,)`` bool.
        bins: M.

    Raises:
        ValueError: No images, or confidences outside of [0, 1].
    """
    check_count('bins', bins)
    confidence = confidence.double()
    if not confidence.numel():
        raise ValueError('the calibration of no images is not defined')
    if not bool(((confidence >= 0) & (confidence <= 1)).all()):
        raise ValueError(
            f'confidences must be in [0, 1], got {confidence.min().item()} to {confidence.max().item()}'
        )
    edges = torch.arange(bins + 1, dtype=torch.float64, device=confidence.device) / bins
    index = torch.bucketize(confidence, edges[1:-1])
    counts = torch.bincount(index, minlength=bins).double()
    filled = counts.clamp(min=1)
    return Reliability(
        edges,
        counts,
        torch.bincount(index, confidence, minlength=bins) / filled,
        torch.bincount(index, correct.double(), minlength=bins) / filled,
    )
