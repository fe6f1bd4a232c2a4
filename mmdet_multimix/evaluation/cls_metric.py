"""The base of the metrics of classifiers: it reads predictions and refuses what cannot be measured."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from .ranks import check_scores


class ClsMetric(BaseMetric):
    """A metric that reads ``pred_score`` (c,) and ``gt_label`` of every image.

    A subclass implements :meth:`per_image`, the few numbers that are kept of an image, and
    :meth:`compute_metrics`. In between mmengine collects these numbers from all processes.
    """

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what is needed of every image.

        Args:
            data_batch: Not used.
            data_samples: One dict an image with ``pred_score`` (c,), probabilities, and ``gt_label``.

        Raises:
            ValueError: Another number of scores than the dataset has classes, or scores that are not finite.
        """
        scores = torch.stack([sample['pred_score'] for sample in data_samples])  # (b, c)
        labels = torch.tensor([int(sample['gt_label']) for sample in data_samples], device=scores.device)
        classes = (self.dataset_meta or {}).get('classes')
        if classes is not None and len(classes) != scores.shape[1]:
            raise ValueError(
                f'the model gives {scores.shape[1]} scores, but the dataset has {len(classes)} classes'
            )
        check_scores(scores, labels)
        self.results.extend(self.per_image(scores, labels).tolist())

    def per_image(self, scores: Tensor, labels: Tensor) -> Tensor:
        """What is kept of every image, ``(b,)`` or ``(b, k)``.

        Args:
            scores: Probabilities ``(b, c)``.
            labels: ``(b,)``.
        """
        raise NotImplementedError
