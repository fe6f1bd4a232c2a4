"""Calibration after training."""

import json

import detection_loops as loops
import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from tolerances import TOLERANCE

from mmdet_multimix.evaluation.detection import (
    coco_detections,
    coco_ground_truth,
    d_ece,
    fit_calibrator,
    laece,
    lrp_thresholds,
    match,
)
from mmdet_multimix.evaluation.detection.post_hoc import FEWEST, METHODS, TARGETS

CLOSE = TOLERANCE[torch.float64]


def scenes(**options):
    """Two sets of the same detector: one to fit to, one to measure."""
    pairs = []
    for seed in (1, 2):
        coco, results = loops.scene(images=300, seed=seed, **options)
        truth = coco_ground_truth(coco)
        detections = coco_detections(results, truth)
        pairs.append((truth, detections, match(truth, detections)))
    return pairs


def cross_entropy(scores, values, temperature):
    calibrated = expit(logit(scores) / temperature)
    return -np.mean(values * np.log(calibrated) + (1 - values) * np.log(1 - calibrated))


@pytest.mark.parametrize('target', TARGETS)
def test_the_temperature_is_the_one_of_least_cross_entropy(target):
    truth, _, matches = scenes(objects=9, found=5, crowds=0)[0]
    calibrator = fit_calibrator('temperature', target, matches, truth.category_ids)
    counts, found, iou = matches.at(0.5 if target == 'precision' else 0.0)
    least = np.full(len(truth.names), 0.3) if target == 'precision' else lrp_thresholds(matches)
    chosen = counts & (matches.scores >= least[matches.labels])
    values = (found if target == 'precision' else iou).astype(float)

    def best(mask):
        scores, wanted = matches.scores[mask], values[mask]
        found = minimize_scalar(
            lambda t: cross_entropy(scores, wanted, np.exp(t)),
            bounds=(-4, 4),
            method='bounded',
            options=dict(xatol=1e-9),
        )
        return np.exp(found.x)

    assert calibrator.pooled['temperature'] == pytest.approx(best(chosen), rel=TOLERANCE[torch.float32])
    assert calibrator.pooled['temperature'] != pytest.approx(1, rel=0.05)
    assert set(calibrator.classes) == (set() if target == 'precision' else {0, 1, 2, 3})
    for label, curve in calibrator.classes.items():
        expected = best(chosen & (matches.labels == label))
        assert curve['temperature'] == pytest.approx(expected, rel=TOLERANCE[torch.float32])


def test_the_isotonic_curve_is_that_of_scikit_learn():
    truth, detections, matches = scenes()[0]
    calibrator = fit_calibrator('isotonic', 'iou', matches, truth.category_ids)
    counts, _, iou = matches.at(0.0)
    chosen = counts & (matches.scores >= lrp_thresholds(matches)[matches.labels]) & (matches.labels == 2)
    model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds='clip')
    model.fit(matches.scores[chosen], iou[chosen])
    calibrated = calibrator(detections)
    kept = detections.subset(detections.scores >= calibrator.min_scores[detections.labels])
    mine = kept.labels == 2
    np.testing.assert_allclose(calibrated.scores[mine], model.predict(kept.scores[mine]), atol=CLOSE)
    assert (calibrated.boxes == kept.boxes).all() and len(kept) < len(detections)


@pytest.mark.parametrize('method', METHODS)
def test_it_takes_error_off_other_images(method):
    (truth, _, matches), (other, detections, before) = scenes()
    plain = d_ece(before).ece
    calibrated = fit_calibrator(method, 'precision', matches, truth.category_ids)(detections)
    after = d_ece(match(other, calibrated)).ece
    assert after < (0.8 if method == 'temperature' else 0.3) * plain

    kept = lrp_thresholds(matches)
    plain = laece(before, kept).value
    calibrated = fit_calibrator(method, 'iou', matches, truth.category_ids)(detections)
    assert laece(match(other, calibrated)).value < (0.95 if method == 'temperature' else 0.6) * plain


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('method', METHODS)
def test_no_curve_falls(method, target):
    truth, detections, matches = scenes()[0]
    calibrator = fit_calibrator(method, target, matches, truth.category_ids)
    calibrator.min_scores[:] = 0
    scores = np.linspace(0, 1, 1001)
    line = detections.subset(np.zeros(1001, int)).with_scores(scores)
    calibrated = calibrator(line).scores
    assert (np.diff(calibrated) >= 0).all() and calibrated.min() >= 0 and calibrated.max() <= 1


def test_a_rare_class_takes_the_curve_of_all():
    truth, detections, matches = scenes(classes=40)[0]
    calibrator = fit_calibrator('isotonic', 'iou', matches, truth.category_ids)
    assert 0 < len(calibrator.classes) < 40
    counts = matches.at(0.0)[0] & (matches.scores >= calibrator.min_scores[matches.labels])
    many = np.bincount(matches.labels[counts], minlength=40) >= FEWEST
    assert set(calibrator.classes) == set(np.flatnonzero(many).tolist())
    calibrated = calibrator(detections)
    kept = detections.subset(detections.scores >= calibrator.min_scores[detections.labels])
    rare = ~many[kept.labels]
    expected = np.interp(kept.scores[rare], calibrator.pooled['score'], calibrator.pooled['calibrated'])
    np.testing.assert_allclose(calibrated.scores[rare], expected, atol=CLOSE)


@pytest.mark.parametrize('method', METHODS)
def test_nothing_to_learn_from_leaves_scores_alone(method, tmp_path):
    coco, results = loops.scene(seed=1)
    truth = coco_ground_truth(coco)
    nothing = match(truth, coco_detections([], truth))
    calibrator = fit_calibrator(method, 'precision', nothing, truth.category_ids)
    detections = coco_detections([{**r, 'score': 0.3 + 0.7 * r['score']} for r in results], truth)
    assert (calibrator(detections).scores == detections.scores).all()
    calibrator.save(tmp_path / 'calibrator.json')
    assert json.loads((tmp_path / 'calibrator.json').read_text())['pooled'] is None


def test_one_sided_and_hopeless_scores_have_a_temperature():
    coco, results = loops.scene(seed=1)
    truth = coco_ground_truth(coco)
    wrong = coco_detections([{**r, 'bbox': [290, 290, 1, 1]} for r in results], truth)
    calibrator = fit_calibrator('temperature', 'precision', match(truth, wrong), truth.category_ids)
    assert calibrator.pooled == {'temperature': 1.0}
    # The surer, the falser: a temperature cannot turn scores round, and makes them all alike.
    exact = [
        dict(image_id=a['image_id'], category_id=a['category_id'], bbox=a['bbox'], score=0.31)
        for a in coco['annotations']
    ]
    false = [dict(result, bbox=[290, 290, 1, 1], score=0.9) for result in exact]
    mixed = match(truth, coco_detections([*exact, *false], truth))
    calibrator = fit_calibrator('temperature', 'precision', mixed, truth.category_ids)
    assert calibrator.pooled == {'temperature': 100.0}
    with pytest.raises(ValueError, match='method must be of'):
        fit_calibrator('platt', 'iou', mixed, truth.category_ids)
