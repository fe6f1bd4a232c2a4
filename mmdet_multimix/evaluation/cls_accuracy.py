"""Top-k accuracy of a classifier."""

from collections.abc import Sequence

import torch
from mmdet.registry import METRICS
from torch import Tensor

from ..ops.checks import check_count
from .cls_metric import ClsMetric
from .ranks import label_ranks, topk_accuracy


@METRICS.register_module()
class ClsAccuracy(ClsMetric):
    """Share of images whose label is among the k classes of highest score, in percent.

    Its values are named ``accuracy/top1``, ``accuracy/top5``, and so on.

    Args:
        topk: The values of k.
        **kwargs: See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: A k below 1; in :meth:`process`, a k above the number of scores, another number of
            scores than the dataset has classes, or scores that are not finite.
    """

    default_prefix = 'accuracy'

    def __init__(self, topk: Sequence[int] = (1, 5), **kwargs) -> None:
        super().__init__(**kwargs)
        if not isinstance(topk, (list, tuple)) or not topk:
            raise ValueError(f'topk must be a list of numbers, got {topk!r}')
        for k in topk:
            check_count('each of topk', k)
        self.topk = tuple(topk)

    def per_image(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The place of the label of every image among the classes of highest score, ``(b,)``."""
        if max(self.topk) > scores.shape[1]:
            raise ValueError(
                f'top-{max(self.topk)} accuracy of {scores.shape[1]} classes means nothing: lower topk'
            )
        return label_ranks(scores, labels)

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """Accuracies of all images of all processes.

        Args:
            results: For every image the place of its label, 0 being the highest score.
        """
        return topk_accuracy(torch.tensor(results), self.topk)
