"""Top-k accuracy of a classifier."""

from collections.abc import Sequence

import torch
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module()
class ClsAccuracy(BaseMetric):
    """Share of images whose label is among the k classes of highest score, in percent.

    Its values are named ``accuracy/top1``, ``accuracy/top5``, and so on.

    Args:
        topk: The values of k.
        **kwargs: See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: A k below 1; in :meth:`process`, a k above the number of scores, or another number of
            scores than the dataset has classes.
    """

    default_prefix = 'accuracy'

    def __init__(self, topk: Sequence[int] = (1, 5), **kwargs) -> None:
        super().__init__(**kwargs)
        if not topk or min(topk) < 1:
            raise ValueError(f'topk must be numbers >= 1, got {topk}')
        self.topk = tuple(topk)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Note for every image the place of its label among the classes of highest score.

        Args:
            data_batch: Not used.
            data_samples: One dict an image with ``pred_score`` (c,) and ``gt_label``.
        """
        scores = torch.stack([sample['pred_score'] for sample in data_samples])  # (b, c)
        labels = torch.tensor([int(sample['gt_label']) for sample in data_samples], device=scores.device)
        self._check(scores.shape[1])
        places = scores.topk(max(self.topk), dim=1).indices == labels[:, None]  # (b, k), one True at most
        misses = ~places.any(dim=1)
        place = places.int().argmax(dim=1).masked_fill(misses, max(self.topk))
        self.results.extend(place.tolist())

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """Accuracies of all images of all processes.

        Args:
            results: For every image the place of its label, 0 being the highest score.
        """
        places = torch.tensor(results)
        return {f'top{k}': 100.0 * (places < k).double().mean().item() for k in self.topk}

    def _check(self, num_scores: int) -> None:
        classes = (self.dataset_meta or {}).get('classes')
        if classes is not None and len(classes) != num_scores:
            raise ValueError(
                f'the model gives {num_scores} scores, but the dataset has {len(classes)} classes'
            )
        if max(self.topk) > num_scores:
            raise ValueError(
                f'top-{max(self.topk)} accuracy of {num_scores} classes means nothing: lower topk'
            )
