"""The geometry of a classifier's embedding space, logged in validation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from .embedding import geometry


@METRICS.register_module()
class ClsEmbedding(BaseMetric):
    """Alignment, uniformity, class tightness and class spread of the pooled features.

    Its values are named ``embedding/alignment`` and so on; see :mod:`~mmdet_multimix.evaluation.embedding`.
    It keeps the features of all images and compares all pairs, so it is for sets of thousands of images, not
    of millions.
    """

    default_prefix = 'embedding'

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the features.

        Args:
            data_batch: Not used.
            data_samples: One dict an image with ``feature`` (d,) and ``gt_label``.

        Raises:
            ValueError: The model gives no features.
        """
        for sample in data_samples:
            if 'feature' not in sample:
                raise ValueError('ClsEmbedding measures an ImageClassifier: this model predicts no features')
            self.results.append((int(sample['gt_label']), sample['feature'].cpu()))

    def compute_metrics(self, results: list[tuple[int, torch.Tensor]]) -> dict[str, float]:
        """All four, of all images of all processes.

        Args:
            results: Label and features of every image.
        """
        labels = torch.tensor([label for label, _ in results])
        features = torch.stack([feature for _, feature in results])
        return geometry(features, labels)
