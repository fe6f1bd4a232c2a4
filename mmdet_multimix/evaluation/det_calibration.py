"""Calibration of a detector while it is validated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from ..ops.checks import check_share
from .detection.boxes import Detections, GroundTruth, crowds_of_every_class
from .detection.calibration import D_ECE_SCORE, D_ECE_TAU, LAECE_TAU, d_ece, laece
from .detection.lrp import LRP_TAU, lrp, lrp_thresholds
from .detection.matching import match


@METRICS.register_module()
class DetCalibration(BaseMetric):
    """D-ECE, LaECE_0 and LRP of a detector, in any validation loop of mmdet.

    Values are named ``calibration/d_ece``, ``calibration/laece`` and ``calibration/lrp``; see
    :func:`~mmdet_multimix.evaluation.detection.calibration.d_ece`,
    :func:`~mmdet_multimix.evaluation.detection.calibration.laece` and
    :func:`~mmdet_multimix.evaluation.detection.lrp.lrp` for the definitions. The last two are those of the
    detections above each class's LRP-optimal score on the validation images themselves. A value that does not
    exist, such as D-ECE where no score reaches ``min_score``, is left out.

    Objects are the ``gt_instances`` that the pipeline loads, in coordinates of the original image, as mmdet's
    configs have it (``LoadAnnotations`` behind ``Resize``); ``ignored_instances`` are treated as crowds,
    those of no class as crowds of every class.

    Args:
        min_score: Of D-ECE: detections below it are left out.
        **kwargs: See :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: In :meth:`process`, samples without objects loaded.
    """

    default_prefix = 'calibration'

    def __init__(self, min_score: float = D_ECE_SCORE, **kwargs) -> None:
        super().__init__(**kwargs)
        check_share('min_score', min_score)
        self.min_score = min_score

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep objects and detections of every image.

        Args:
            data_batch: Not used.
            data_samples: One dict an image with ``pred_instances``, ``gt_instances`` and
                ``ignored_instances``.
        """
        for sample in data_samples:
            if 'bboxes' not in sample.get('gt_instances', {}):
                raise ValueError(
                    "DetCalibration needs the objects of every image: add dict(type='LoadAnnotations', "
                    'with_bbox=True) behind Resize in the validation pipeline'
                )
            ignored, found = sample.get('ignored_instances') or {}, sample['pred_instances']
            self.results.append(
                {
                    'boxes': _boxes(sample['gt_instances']['bboxes']),
                    'labels': _numbers(sample['gt_instances']['labels']),
                    'ignored_boxes': _boxes(ignored['bboxes']) if 'bboxes' in ignored else np.zeros((0, 4)),
                    'ignored_labels': _numbers(ignored['labels']) if 'labels' in ignored else np.zeros(0),
                    'found_boxes': _boxes(found['bboxes']),
                    'found_labels': _numbers(found['labels']),
                    'scores': _numbers(found['scores']),
                }
            )

    def compute_metrics(self, results: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """All values, of the images of all processes.

        Args:
            results: What :meth:`process` kept.
        """

        def column(*names: str) -> np.ndarray:
            return np.concatenate([row[name] for name in names for row in results])

        def images(*names: str) -> np.ndarray:
            counts = [[len(row[name]) for row in results] for name in names]
            return np.concatenate([np.repeat(np.arange(len(results)), count) for count in counts])

        names = tuple((self.dataset_meta or {}).get('classes') or ())
        labels = column('labels', 'ignored_labels').astype(np.int64)
        found_labels = column('found_labels').astype(np.int64)
        if not names:
            last = max(labels.max(initial=-1), found_labels.max(initial=-1))
            names = tuple(map(str, range(1 + last)))
        boxes = column('boxes', 'ignored_boxes')
        truth = GroundTruth(
            list(range(len(results))),
            names,
            list(range(len(names))),
            images('labels', 'ignored_labels'),
            labels,
            boxes,
            boxes[:, 2] * boxes[:, 3],
            np.repeat([False, True], [len(column('labels')), len(column('ignored_labels'))]),
        )
        truth = crowds_of_every_class(truth)
        detections = Detections(images('scores'), found_labels, column('found_boxes'), column('scores'))
        matches = match(truth, detections, (*{LRP_TAU, LAECE_TAU, D_ECE_TAU},), ('all',))
        thresholds, overall = lrp_thresholds(matches), d_ece(matches, min_score=self.min_score)
        values = {
            'd_ece': overall.ece if overall else float('nan'),
            'laece': laece(matches, thresholds).value,
            'lrp': lrp(matches, thresholds).value,
        }
        return {name: value for name, value in values.items() if not np.isnan(value)}


def _numbers(values) -> np.ndarray:
    return values.double().cpu().numpy()


def _boxes(values) -> np.ndarray:
    """Corners, as a tensor or mmdet's boxes, as x, y, width, height."""
    corners = _numbers(getattr(values, 'tensor', values)).reshape(-1, 4)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
