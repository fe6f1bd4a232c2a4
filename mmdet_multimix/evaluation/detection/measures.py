"""What can be said of a detector from its detections and the ground truth, in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..calibration import Reliability
from .boxes import Detections, GroundTruth, coco_detections, coco_ground_truth, read_json
from .calibration import D_ECE_TAU, LAECE_TAU, LaECE, d_ece, laece, nll
from .coco_ap import ap_measures
from .lrp import LRP_TAU, OLRP_TAU, lrp, lrp_thresholds
from .matching import AP_IOUS, AREAS, Matches, match


@dataclass
class DetectionMeasures:
    """What was measured.

    Attributes:
        values: By name: ``ap`` (see :func:`~mmdet_multimix.evaluation.detection.coco_ap.ap_measures`),
            ``d_ece``, ``laece`` (LaECE_0), ``nll``, ``lrp``, ``lrp_localisation``, ``lrp_false_positives``,
            ``lrp_false_negatives``, ``olrp_50`` and ``classes``: each class's ``d_ece``, ``laece``, ``lrp``
            and the ``threshold`` at which the last two are measured. NaN where there is nothing to measure.
        reliability: Precision against score, the bins of D-ECE; None without detections.
        localisation: IoU against score, the bins of LaECE_0, all classes together.
        of_classes: The bins of D-ECE of each class, or None.
        thresholds: ``(C,)`` LRP-optimal scores.
        matches: Detections and what they found.
    """

    values: dict[str, Any]
    reliability: Reliability | None
    localisation: LaECE
    of_classes: list[Reliability | None]
    thresholds: np.ndarray
    matches: Matches


def measure_detections(
    truth: GroundTruth, detections: Detections, progress: Callable[[float], None] | None = None
) -> DetectionMeasures:
    """AP, D-ECE, LaECE_0 and LRP.

    LaECE_0 and LRP are those of the detections that one would keep: from each class's LRP-optimal score on,
    here of these very images, as nothing else is known. (LRP at such thresholds is also called oLRP.)
    Thresholds from other images are part of :mod:`~mmdet_multimix.evaluation.detection.post_hoc`.

    Args:
        truth: The objects.
        detections: What was found, with low scores too, as for AP.
        progress: Called with the share of the work that is done, now and then.
    """
    matches = match(
        truth,
        detections,
        (*dict.fromkeys((LRP_TAU, LAECE_TAU, D_ECE_TAU, OLRP_TAU, *AP_IOUS)),),
        tuple(AREAS),
        progress,
    )
    thresholds = lrp_thresholds(matches)
    overall = d_ece(matches)
    of_classes = [d_ece(matches, label) for label in range(len(truth.names))]
    localised, error = laece(matches, thresholds), lrp(matches, thresholds)
    values = {
        'ap': ap_measures(matches, truth.names, truth.frequencies),
        'd_ece': overall.ece if overall else float('nan'),
        'laece': localised.value,
        'nll': nll(matches),
        'lrp': error.value,
        'lrp_localisation': error.localisation,
        'lrp_false_positives': error.false_positives,
        'lrp_false_negatives': error.false_negatives,
        'olrp_50': lrp(matches, lrp_thresholds(matches, tau=OLRP_TAU), tau=OLRP_TAU).value,
        'classes': {
            name: {
                'd_ece': of_classes[label].ece if of_classes[label] else float('nan'),
                'laece': float(localised.classes[label]),
                'lrp': float(error.classes[label]),
                'threshold': float(thresholds[label]),
            }
            for label, name in enumerate(truth.names)
        },
    }
    return DetectionMeasures(values, overall, localised, of_classes, thresholds, matches)


def measure_files(
    annotations: str | Path, results: str | Path, progress: Callable[[float], None] | None = None
) -> DetectionMeasures:
    """As :func:`measure_detections`, from files in COCO's formats, whatever wrote them.

    Args:
        annotations: COCO's or LVIS's annotations.
        results: A list of ``{'image_id', 'category_id', 'bbox', 'score'}``, as mmdet's ``CocoMetric`` writes
            with ``outfile_prefix``.
        progress: Called with the share of the work that is done, now and then.

    Raises:
        FileNotFoundError: One of the files is not there.
        ValueError: One of them cannot be read, or they do not belong together.
    """
    try:
        truth = coco_ground_truth(read_json(annotations))
    except ValueError as error:
        raise ValueError(f'{annotations}: {error}') from error
    try:
        detections = coco_detections(read_json(results), truth)
    except ValueError as error:
        raise ValueError(f'{results}: {error}') from error
    return measure_detections(truth, detections, progress)
