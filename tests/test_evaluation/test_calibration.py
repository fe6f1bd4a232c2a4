import math

import pytest
import torch
from tolerances import TOLERANCE, assert_near

from mmdet_multimix.evaluation import ClsCalibration, reliability


def ece_by_loops(confidence, correct, bins):
    total = 0.0
    for i in range(bins):
        inside = [
            (p, right)
            for p, right in zip(confidence, correct, strict=True)
            if i / bins < p <= (i + 1) / bins or (i == 0 and p == 0)
        ]
        if inside:
            mean = sum(p for p, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean)
    return total


@pytest.mark.parametrize('bins', [1, 4, 15])
def test_agrees_with_loops(bins):
    confidence = torch.rand(500, dtype=torch.float64)
    correct = torch.rand(500) < confidence**2
    expected = ece_by_loops(confidence.tolist(), correct.tolist(), bins)
    assert reliability(confidence, correct, bins).ece == pytest.approx(expected, rel=TOLERANCE[torch.float64])
    assert expected > 0.1


def test_by_hand():
    bins = reliability(
        torch.tensor([0.9, 0.8, 0.4, 0.3], dtype=torch.float64), torch.tensor([1, 0, 1, 1]).bool(), bins=2
    )
    assert bins.counts.tolist() == [2, 2]
    assert_near(bins.confidence, torch.tensor([0.35, 0.85], dtype=torch.float64), torch.float64)
    assert bins.accuracy.tolist() == [1.0, 0.5]
    assert bins.ece == pytest.approx(0.5 * 0.65 + 0.5 * 0.35)


def test_edges_belong_to_the_bin_below_and_0_to_the_first():
    confidence = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 0.250001])
    bins = reliability(confidence, torch.ones(6).bool(), bins=4)
    assert bins.counts.tolist() == [2, 2, 1, 1]
    assert reliability(torch.ones(3), torch.ones(3).bool()).ece == 0
    assert reliability(torch.zeros(3), torch.ones(3).bool()).ece == 1


def test_one_image():
    assert reliability(torch.tensor([0.7], dtype=torch.float64), torch.tensor([False])).ece == pytest.approx(
        0.7
    )


@pytest.mark.parametrize('values', [[], [0.5, 1.2], [-0.1, 0.5], [0.5, float('nan')]])
def test_what_is_no_confidence_is_refused(values):
    with pytest.raises(ValueError, match=r'no images|in \[0, 1\]'):
        reliability(torch.tensor(values), torch.ones(len(values)).bool())


def samples(scores, labels):
    return [{'pred_score': s, 'gt_label': y} for s, y in zip(scores, labels, strict=True)]


def test_metric_over_batches():
    logits, labels = torch.randn(203, 7) * 3, torch.randint(0, 7, (203,))
    scores = logits.softmax(1)
    metric = ClsCalibration()
    for rows in torch.arange(203).split(50):
        metric.process({}, samples(scores[rows], labels[rows]))
    result = metric.evaluate(203)
    confidence, predicted = scores.max(1)
    expected = ece_by_loops(confidence.tolist(), (predicted == labels).tolist(), 15)
    assert result['calibration/ece'] == pytest.approx(expected, rel=TOLERANCE[torch.float32])
    nll = torch.nn.functional.cross_entropy(logits, labels).item()
    assert result['calibration/nll'] == pytest.approx(nll, rel=TOLERANCE[torch.float32])


def test_metric_of_an_impossible_label_is_finite():
    metric = ClsCalibration()
    metric.process({}, samples(torch.tensor([[1.0, 0.0]]), [1]))
    result = metric.evaluate(1)
    assert result['calibration/ece'] == 1
    assert result['calibration/nll'] == pytest.approx(-math.log(torch.finfo(torch.float32).tiny))


def test_metric_leaves_repeated_images_of_uneven_processes_out():
    metric = ClsCalibration()
    metric.process({}, samples(torch.tensor([[0.0, 1.0]] * 3), [1, 1, 0]))
    assert metric.evaluate(2)['calibration/ece'] == 0


def test_metric_refuses():
    with pytest.raises(ValueError, match='not finite'):
        ClsCalibration().process({}, samples(torch.full((1, 2), float('nan')), [0]))
    metric = ClsCalibration()
    metric.dataset_meta = {'classes': 'abc'}
    with pytest.raises(ValueError, match='gives 2 scores, but the dataset has 3 classes'):
        metric.process({}, samples(torch.rand(1, 2), [0]))
