"""Calibration of a classifier: its expected calibration error and its log-likelihood."""

import torch
from mmdet.registry import METRICS
from torch import Tensor

from ..ops.checks import check_count
from .calibration import BINS, reliability
from .cls_metric import ClsMetric
from .ranks import label_ranks, negative_log_likelihood


@METRICS.register_module()
class ClsCalibration(ClsMetric):
    """Expected calibration error, a share, and mean negative log-likelihood, in nats.

    Its values are named ``calibration/ece`` and ``calibration/nll``. It sees probabilities, not logits. One
    that underflows to 0 counts as the smallest positive number of its type, so no image counts more than
    about 87 nats. ``tools/evaluate.py`` has no such limit.

    Args:
        bins: Bins of equal width of the confidence.
        **kwargs: See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: Fewer than one bin; in :meth:`process`, another number of scores than the dataset has
            classes, or scores that are no probabilities.
    """

    default_prefix = 'calibration'

    def __init__(self, bins: int = BINS, **kwargs) -> None:
        super().__init__(**kwargs)
        check_count('bins', bins)
        self.bins = bins

    def per_image(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Confidence, whether it is right, and negative log-likelihood of every image, ``(b, 3)``."""
        log_probabilities = scores.clamp(min=torch.finfo(scores.dtype).tiny).log()
        nll = negative_log_likelihood(log_probabilities, labels)
        return torch.stack([scores.amax(dim=1), (label_ranks(scores, labels) == 0).to(nll), nll], dim=1)

    def compute_metrics(self, results: list[list[float]]) -> dict[str, float]:
        """Both values, of all images of all processes.

        Args:
            results: What :meth:`per_image` gave, a row an image.
        """
        confidence, correct, nll = torch.tensor(results, dtype=torch.float64).unbind(dim=1)
        return {'ece': reliability(confidence, correct == 1, self.bins).ece, 'nll': nll.mean().item()}
