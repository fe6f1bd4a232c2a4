import math

import pytest
import torch
from tolerances import TOLERANCE

from mmdet_multimix.evaluation import alignment, class_spread, class_tightness, uniformity


def unit(features):
    return [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in features.tolist()]


def square(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def by_loops(features, labels):
    z, y = unit(features), labels.tolist()
    pairs = [(i, j) for i in range(len(z)) for j in range(i)]
    centres = {}
    for k in set(y):
        members = [row for row, label in zip(z, y, strict=True) if label == k]
        middle = torch.tensor([[mean(column) for column in zip(*members, strict=True)]], dtype=torch.float64)
        centres[k] = unit(middle)[0]
    kinds = sorted(centres)
    return {
        'alignment': mean(square(z[i], z[j]) for i, j in pairs if y[i] == y[j]),
        'uniformity': math.log(mean(math.exp(-2 * square(z[i], z[j])) for i, j in pairs)),
        'tightness': mean(
            mean(square(row, centres[k]) for row, label in zip(z, y, strict=True) if label == k)
            for k in kinds
        ),
        'spread': mean(square(centres[a], centres[b]) for a in kinds for b in kinds if a < b),
    }


def measures(features, labels, block=2048):
    return {
        'alignment': alignment(features, labels),
        'uniformity': uniformity(features, block),
        'tightness': class_tightness(features, labels),
        'spread': class_spread(features, labels),
    }


@pytest.mark.parametrize('block', [7, 60, 2048])
def test_agrees_with_loops_in_any_blocks_and_with_absent_classes(block):
    labels = torch.randint(0, 3, (60,)) * 2 + 1  # classes 0, 2 and 4 have no images
    features = torch.randn(60, 5, dtype=torch.float64) + torch.nn.functional.one_hot(labels % 5, 5)
    expected = by_loops(features, labels)
    assert measures(features, labels, block) == pytest.approx(expected, rel=TOLERANCE[torch.float64])
    scaled = features * torch.rand(60, 1).double().add(0.1)
    assert measures(scaled, labels, block) == pytest.approx(expected, rel=TOLERANCE[torch.float64])
    single = measures(features.float(), labels, block)
    assert single == pytest.approx(expected, rel=TOLERANCE[torch.float32])


def test_by_hand():
    """Two classes: one in one place, the other spread over a right angle around the opposite place."""
    h = math.sqrt(0.5)
    features = torch.tensor([[1.0, 0], [3.0, 0], [-h, h], [-h, -h]], dtype=torch.float64)
    result = measures(features, torch.tensor([0, 0, 1, 1]))
    assert result['alignment'] == pytest.approx((0 + 2) / 2)
    assert result['tightness'] == pytest.approx((0 + (2 - 2 * h)) / 2)
    assert result['spread'] == pytest.approx(4)
    far = math.exp(-2 * (2 + 2 * h))
    assert result['uniformity'] == pytest.approx(math.log((1 + math.exp(-4) + 4 * far) / 6))


def test_limits():
    same = measures(torch.ones(6, 3), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert same == pytest.approx(dict.fromkeys(same, 0), abs=TOLERANCE[torch.float32])
    simplex = torch.eye(4) - 0.25
    assert class_spread(simplex, torch.arange(4)) == pytest.approx(8 / 3)
    # A class around no direction is as far from its centre as random images are.
    assert class_tightness(torch.tensor([[1.0, 0], [-1.0, 0]]), torch.tensor([0, 0])) == pytest.approx(2)


def test_without_a_pair_there_is_nothing_to_measure():
    one = measures(torch.rand(1, 3), torch.tensor([2]))
    assert math.isnan(one['alignment']) and math.isnan(one['uniformity']) and math.isnan(one['spread'])
    assert one['tightness'] == pytest.approx(0, abs=TOLERANCE[torch.float32])
    assert math.isnan(alignment(torch.rand(2, 3), torch.tensor([0, 1])))


def test_dead_features_are_measured_and_broken_ones_refused():
    features = torch.rand(4, 3)
    features[0] = 0
    assert all(map(math.isfinite, measures(features, torch.tensor([0, 0, 1, 1])).values()))
    features[0] = float('nan')
    for measure in (uniformity, lambda x: alignment(x, torch.zeros(4).long())):
        with pytest.raises(ValueError, match='not finite'):
            measure(features)
