"""Whether the score of a detection says how right it is: D-ECE, LaECE and NLL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..calibration import Reliability, reliability
from .matching import Matches, class_mean

D_ECE_TAU, D_ECE_BINS, D_ECE_SCORE = 0.5, 10, 0.3
LAECE_TAU, LAECE_BINS = 0.0, 25


def d_ece(
    matches: Matches,
    label: int | None = None,
    *,
    tau: float = D_ECE_TAU,
    bins: int = D_ECE_BINS,
    min_score: float = D_ECE_SCORE,
) -> Reliability | None:
    """Detection expected calibration error, and the bins of its reliability diagram.

    Küppers et al., Multivariate Confidence Calibration for Object Detection, CVPR Workshops 2020, in the form
    that depends on the score alone:

        ``D-ECE = Σ_j |D_j| / |D| · |precision(D_j) - mean score(D_j)|``

    over bins of equal width of the score. Definitions differ. Taken here is what the authors of LaECE_0 (see
    :func:`laece`) compute under this name: detections of all classes together, a score of at least 0.3, 10
    bins, and a detection is right if COCO's matching gives it an object at an IoU of 0.5, so that of two
    boxes on one object only one is. One thing differs: detections of a class without objects are wrong here,
    and left out there. The code of Küppers et al. matches each box for itself, measures each class by itself,
    and leaves out bins of fewer than 8 detections.

    Args:
        matches: At ``tau`` among other thresholds.
        label: The class that is measured by itself; None means all together.
        tau: IoU from which a detection is right.
        bins: Number of bins.
        min_score: Detections below it are left out.

    Returns:
        The bins, whose ``ece`` is the measure; None where no detection is left.
    """
    counts, found, _ = matches.at(tau)
    chosen = counts & (matches.scores >= min_score)
    if label is not None:
        chosen &= matches.labels == label
    return _bins(matches.scores, found, chosen, bins)


def nll(matches: Matches, *, tau: float = D_ECE_TAU) -> float:
    """Negative log-likelihood of the classes of the objects that were found.

    The mean of ``-log score`` over the detections to which COCO's matching gives an object of their class.
    Where a detector gives a box a score for every class, as mmdet's do, that is the probability of the right
    class, also where another one is surer. Objects that were missed do not count, and neither do false boxes:
    it is to be read beside AP.

    Args:
        matches: At ``tau`` among other thresholds.
        tau: IoU from which a detection has found an object.

    Returns:
        The mean, in nats, with a score of 0 as the smallest float; NaN where nothing was found.
    """
    counts, found, _ = matches.at(tau)
    scores = np.maximum(matches.scores[counts & found], np.finfo(np.float64).tiny)
    return float(-np.log(scores).mean()) if len(scores) else float('nan')


@dataclass
class LaECE:
    """The error and where it comes from.

    Attributes:
        value: Mean over the classes; NaN where no class has both objects and detections.
        classes: ``(C,)`` error of each class, NaN of those without.
        pooled: Bins of all detections together, for the diagram; None where there are none.
    """

    value: float
    classes: np.ndarray
    pooled: Reliability | None


def laece(
    matches: Matches, thresholds: np.ndarray | None = None, *, tau: float = LAECE_TAU, bins: int = LAECE_BINS
) -> LaECE:
    """Localisation-aware expected calibration error; with a ``tau`` of 0 it is LaECE_0.

    Oksuz et al., Towards Building Self-Aware Object Detectors via Reliable Uncertainty Quantification and
    Calibration, CVPR 2023; LaECE_0 is that of Kuzucu, Oksuz et al., On Calibration of Object Detectors:
    Pitfalls, Evaluation and Baselines, ECCV 2024. The score should be the IoU to expect, 0 for a false box:

        ``LaECE = 1/C Σ_c Σ_j |D_j^c| / |D^c| · |mean IoU(D_j^c) - mean score(D_j^c)|``

    over 25 bins of equal width, each class by itself. The first paper writes precision times the mean IoU of
    the right detections, which is the same mean. Two deviations from the authors' code, which was read: a
    class without any error is one of the classes here, and there it is left out of the mean; and an IoU of 0
    is no match, see :func:`~mmdet_multimix.evaluation.detection.matching.match`. Classes without objects or
    without detections are left out in both.

    Args:
        matches: At ``tau`` among other thresholds.
        thresholds: ``(C,)`` scores from which detections are kept, as
            :func:`~mmdet_multimix.evaluation.detection.lrp.lrp_thresholds` finds them; None keeps all.
        tau: IoU that a match needs, above 0 where it is 0.
        bins: Number of bins.
    """
    counts, _, iou = matches.at(tau, thresholds)
    objects = matches.objects[0]
    classes = np.full(len(objects), np.nan)
    for label in np.flatnonzero(objects):
        of_class = _bins(matches.scores, iou, counts & (matches.labels == label), bins)
        if of_class is not None:
            classes[label] = of_class.ece
    counts = counts & (objects[matches.labels] > 0)
    return LaECE(class_mean(classes), classes, _bins(matches.scores, iou, counts, bins))


def _bins(scores: np.ndarray, target: np.ndarray, chosen: np.ndarray, bins: int) -> Reliability | None:
    if not chosen.any():
        return None
    values = target[chosen].astype(np.float64)
    return reliability(torch.from_numpy(scores[chosen]), torch.from_numpy(values), bins)
