"""Calibration after training: a curve from the score to what it is worth, fitted on other images.

Two methods, each with two targets. Temperature scaling (Guo et al., ICML 2017) divides the logit of the score
by a number; isotonic regression (Zadrozny and Elkan, KDD 2002) takes the best curve that never falls. The
target is either the precision, which D-ECE measures, or the IoU, which LaECE_0 measures. As in the code of
Kuzucu, Oksuz et al. (ECCV 2024), one curve for all classes is fitted for the precision, to the detections
with a score of at least 0.3; for the IoU each class has its own, fitted to those from its LRP-optimal score
on. What is below is dropped. They drop once more, by thresholds found after calibration. As no curve falls,
those would be at the same detections, equal scores apart, and are left out here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from ..calibration import Reliability
from .boxes import Detections, GroundTruth
from .calibration import D_ECE_SCORE, D_ECE_TAU, LAECE_TAU, LaECE, d_ece, laece
from .lrp import lrp_thresholds
from .matching import Matches

METHODS = ('temperature', 'isotonic')
TARGETS = ('precision', 'iou')
FEWEST = 20  # detections of a class that get a curve of their own
_SUREST = 1 - 1e-12
_HOTTEST = 100.0  # temperature; where scores say nothing, the best one is infinite


@dataclass
class Calibrator:
    """Curves that give detections other scores.

    Attributes:
        method: One of :data:`METHODS`.
        target: One of :data:`TARGETS`.
        category_ids: Of the classes, in the order of their labels.
        min_scores: ``(C,)`` scores below which detections are dropped.
        pooled: The curve of all classes: ``{'temperature': T}``, or ``{'score': [...], 'calibrated':
            [...]}``, points between which it is straight. None where there was nothing to fit: scores stay.
        classes: Curves of classes, by label, which are taken before it.
    """

    method: str
    target: str
    category_ids: list[int]
    min_scores: np.ndarray
    pooled: dict[str, Any] | None
    classes: dict[int, dict[str, Any]]

    def __call__(self, detections: Detections) -> Detections:
        """The detections that are kept, with calibrated scores."""
        keep, scores = self.scores(detections.labels, detections.scores)
        return detections.subset(keep).with_scores(scores[keep])

    def scores(self, labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which detections are kept, and all calibrated scores, ``(D,)`` each."""
        calibrated = scores.copy()
        for label in np.unique(labels):
            mine = labels == label
            calibrated[mine] = _apply(self.classes.get(int(label), self.pooled), scores[mine])
        return scores >= self.min_scores[labels], calibrated

    def save(self, path: str | Path) -> None:
        """Write it as JSON, by category ids, for use without this package."""
        categories = zip(self.category_ids, self.min_scores.tolist(), strict=True)
        content = {
            'method': self.method,
            'target': self.target,
            'min_score': {str(category): score for category, score in categories},
            'pooled': self.pooled,
            'classes': {str(self.category_ids[label]): curve for label, curve in self.classes.items()},
        }
        Path(path).write_text(json.dumps(content, allow_nan=False) + '\n')


def fit_calibrator(method: str, target: str, matches: Matches, category_ids: list[int]) -> Calibrator:
    """Fit curves to detections of images that are not those to be measured.

    Args:
        method: One of :data:`METHODS`.
        target: One of :data:`TARGETS`.
        matches: Detections of the other images and what they found.
        category_ids: Of the classes, in the order of their labels.

    Raises:
        ValueError: Another method or target.
    """
    if method not in METHODS or target not in TARGETS:
        raise ValueError(f'method must be of {METHODS}, target of {TARGETS}, got {method!r}, {target!r}')
    fit = _temperature if method == 'temperature' else _isotonic
    if target == 'precision':
        min_scores = np.full(len(category_ids), D_ECE_SCORE)
        chosen, values, _ = matches.at(D_ECE_TAU, min_scores)
    else:
        min_scores = lrp_thresholds(matches, tau=LAECE_TAU)
        chosen, _, values = matches.at(LAECE_TAU, min_scores)
    scores, labels, values = matches.scores[chosen], matches.labels[chosen], values[chosen].astype(np.float64)
    pooled = fit(scores, values) if len(scores) else None
    classes = {}
    if target == 'iou':
        for label in range(len(category_ids)):
            mine = labels == label
            if mine.sum() >= FEWEST:
                classes[label] = fit(scores[mine], values[mine])
    return Calibrator(method, target, category_ids, min_scores, pooled, classes)


def halves(images: int) -> np.ndarray:
    """Which half each of N images is in, ``(N,)`` bool: every other one, as sets may be sorted."""
    return np.arange(images) % 2 == 1


def of_images(matches: Matches, truth: GroundTruth, chosen: np.ndarray) -> Matches:
    """What was found in some of the images, ``(N,)`` bool; of objects of all sizes."""
    counted = chosen[truth.images] & ~truth.crowd
    objects = np.bincount(truth.labels[counted], minlength=len(truth.names))[None]
    whole = replace(matches, areas=('all',), found=matches.found[:1], ignored=matches.ignored[:1])
    return whole.subset(chosen[matches.images], objects)


@dataclass
class PostHoc:
    """One way of calibrating after training, and what is left of the error.

    Attributes:
        method: One of :data:`METHODS`, or ``'none'``: scores as they are.
        precision: Bins of D-ECE of detections calibrated to the precision; None without detections.
        iou: LaECE_0 of those calibrated to the IoU.
        calibrators: The curves to be used on other images, by target.
    """

    method: str
    precision: Reliability | None
    iou: LaECE
    calibrators: dict[str, Calibrator]


def post_hoc(truth: GroundTruth, matches: Matches, other: Matches | None = None) -> list[PostHoc]:
    """Fit to images, calibrate and measure others, by each method; first without any.

    Args:
        truth: The objects of the images that are measured.
        matches: What was found in them.
        other: What was found in another set, to which all curves are fitted. None: curves are fitted to each
            half of the images and applied to the other half, so that none is measured where it was fitted;
            those for further use are fitted to both.
    """
    if other is None:
        second = halves(len(truth.image_ids))
        mine = second[matches.images]
        folds = [(of_images(matches, truth, ~second), mine), (of_images(matches, truth, second), ~mine)]
    else:
        folds = [(other, np.ones(len(matches.scores), bool))]
    results = []
    for method in ('none', *METHODS):
        left = [_calibrated(method, target, matches, folds, truth.category_ids) for target in TARGETS]
        calibrators = {}
        if method != 'none':
            everything = matches if other is None else other
            for target in TARGETS:
                calibrators[target] = fit_calibrator(method, target, everything, truth.category_ids)
        results.append(PostHoc(method, d_ece(left[0]), laece(left[1]), calibrators))
    return results


def _calibrated(
    method: str,
    target: str,
    matches: Matches,
    folds: Sequence[tuple[Matches, np.ndarray]],
    category_ids: list[int],
) -> Matches:
    """The detections that are kept, with other scores; no curve changes what they found."""
    keep, scores = np.zeros(len(matches.scores), bool), matches.scores.copy()
    for fitted_to, chosen in folds:
        curve = 'temperature' if method == 'none' else method
        calibrator = fit_calibrator(curve, target, fitted_to, category_ids)
        keep[chosen], calibrated = calibrator.scores(matches.labels[chosen], matches.scores[chosen])
        if method != 'none':
            scores[chosen] = calibrated
    return replace(matches.subset(keep), scores=scores[keep])


def _temperature(scores: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """The temperature of least cross-entropy: logistic regression on the logit, weighted by the target."""
    logits = np.tile(_logit(scores), 2)[:, None]
    sides = np.repeat([1, 0], len(scores))
    weights = np.concatenate([values, 1 - values])
    if not weights[sides == 1].any() or not weights[sides == 0].any():
        return {'temperature': 1.0}  # all right or all wrong: no temperature is best
    model = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10, max_iter=1000)
    slope = float(model.fit(logits, sides, weights).coef_[0, 0])
    return {'temperature': 1 / max(slope, 1 / _HOTTEST)}


def _isotonic(scores: np.ndarray, values: np.ndarray) -> dict[str, list[float]]:
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds='clip').fit(scores, values)
    return {'score': model.X_thresholds_.tolist(), 'calibrated': model.y_thresholds_.tolist()}


def _apply(curve: dict[str, Any] | None, scores: np.ndarray) -> np.ndarray:
    if curve is None:
        return scores
    if 'temperature' in curve:
        return expit(_logit(scores) / curve['temperature'])
    return np.interp(scores, curve['score'], curve['calibrated'])


def _logit(scores: np.ndarray) -> np.ndarray:
    return logit(scores.clip(1 - _SUREST, _SUREST))
