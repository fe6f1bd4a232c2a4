"""Localisation Recall Precision: one error for boxes that are loose, false or missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .matching import Matches, class_mean

LRP_TAU = 0.0
OLRP_TAU = 0.5


@dataclass
class LRP:
    """The error and its parts, lower is better, each in [0, 1].

    Attributes:
        value: Mean over the classes with objects; NaN where there are none.
        localisation: Mean of 1 - IoU of the right detections, over the classes that have any.
        false_positives: Share of false boxes among the detections, over the classes that have any.
        false_negatives: Share of objects that are missed.
        classes: ``(C,)`` error of each class, NaN of those without objects.
    """

    value: float
    localisation: float
    false_positives: float
    false_negatives: float
    classes: np.ndarray


def lrp(matches: Matches, thresholds: np.ndarray | None = None, *, tau: float = LRP_TAU) -> LRP:
    """The LRP error of the detections that are kept.

    Oksuz et al., Localization Recall Precision (LRP): A New Performance Metric for Object Detection, ECCV
    2018, and One Metric to Measure them All, TPAMI 2021. For each class

        LRP = (Σ_TP (1 - IoU) / (1 - τ) + FP + FN) / (TP + FP + FN).

    A class with objects and no right detection has an error of 1. The default τ = 0 is that of Kuzucu, Oksuz
    et al. (ECCV 2024), who measure LRP beside LaECE_0 at the same matches; LRP by itself is usually given at
    0.5.

    Args:
        matches: At ``tau`` among other thresholds.
        thresholds: ``(C,)`` scores from which detections are kept; None keeps all.
        tau: IoU that a match needs, above 0 where it is 0.
    """
    counts, found, iou = matches.at(tau, thresholds)
    objects = matches.objects[0].astype(np.float64)
    c = len(objects)
    right, false = found & counts, counts & ~found
    tp = np.bincount(matches.labels[right], minlength=c).astype(np.float64)
    fp = np.bincount(matches.labels[false], minlength=c).astype(np.float64)
    loose = np.bincount(matches.labels[right], 1 - iou[right], minlength=c)
    fn = objects - tp
    with np.errstate(invalid='ignore', divide='ignore'):
        classes = np.where(tp > 0, (loose / (1 - tau) + fp + fn) / (tp + fp + fn), 1.0)
        parts = [
            np.where(tp > 0, loose / tp, np.nan),
            np.where(tp > 0, fp / (tp + fp), np.nan),
            np.where(objects > 0, fn / objects, np.nan),
        ]
    there = objects > 0
    classes = np.where(there, classes, np.nan)
    value, localisation, wrong, missed = (class_mean(values[there]) for values in (classes, *parts))
    return LRP(value, localisation, wrong, missed, classes)


def lrp_thresholds(matches: Matches, *, tau: float = LRP_TAU) -> np.ndarray:
    """For each class the score at which the LRP error of its detections is least.

    The error at these thresholds is the optimal LRP (oLRP). Of equal ones the highest is taken. Detections of
    equal score are kept or dropped together; the authors' code may part them.

    Args:
        matches: At ``tau`` among other thresholds.
        tau: IoU that a match needs.

    Returns:
        ``(C,)``; 0, which keeps all, of classes without a right detection.
    """
    counts, found, iou = matches.at(tau)
    objects = matches.objects[0]
    thresholds = np.zeros(len(objects))
    for c, mine in enumerate(matches.by_class()):
        mine = mine[counts[mine]]
        if not found[mine].any():
            continue
        tp = np.cumsum(found[mine])
        fp = np.cumsum(~found[mine])
        errors = ((tp - np.cumsum(iou[mine])) / (1 - tau) + fp + objects[c] - tp) / (fp + objects[c])
        scores = matches.scores[mine]
        last = np.append(scores[1:] < scores[:-1], True)  # of its score
        thresholds[c] = scores[np.where(last, errors, np.inf).argmin()]
    return thresholds
