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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from .boxes import Detections
from .calibration import D_ECE_SCORE, D_ECE_TAU, LAECE_TAU
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
        kept = detections.subset(detections.scores >= self.min_scores[detections.labels])
        scores = kept.scores.copy()
        for label in np.unique(kept.labels):
            mine = kept.labels == label
            scores[mine] = _apply(self.classes.get(int(label), self.pooled), scores[mine])
        return kept.with_scores(scores)

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
        counts, values, _ = matches.at(D_ECE_TAU)
        min_scores = np.full(len(category_ids), D_ECE_SCORE)
    else:
        counts, _, values = matches.at(LAECE_TAU)
        min_scores = lrp_thresholds(matches, tau=LAECE_TAU)
    chosen = counts & (matches.scores >= min_scores[matches.labels])
    scores, labels, values = matches.scores[chosen], matches.labels[chosen], values[chosen].astype(np.float64)
    pooled = fit(scores, values) if len(scores) else None
    classes = {}
    if target == 'iou':
        for label in range(len(category_ids)):
            mine = labels == label
            if mine.sum() >= FEWEST:
                classes[label] = fit(scores[mine], values[mine])
    return Calibrator(method, target, category_ids, min_scores, pooled, classes)


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
