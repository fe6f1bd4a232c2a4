import numpy as np
import pytest

from mmdet_multimix.evaluation import detection_measures


def by_loops(inside, outside):
    """Every measure from its definition, over all pairs and all thresholds."""
    pairs = [(a > b) + 0.5 * (a == b) for a in inside for b in outside]
    everything = sorted({*inside, *outside})
    thresholds = [*everything, np.inf]
    errors = [np.mean(inside < t) / 2 + np.mean(outside >= t) / 2 for t in thresholds]

    def area(positive, negative):
        """Precision over recall, stepwise, both sets of the same weight."""
        total, last = 0.0, 0.0
        for t in sorted({*positive, *negative}, reverse=True):
            recall, wrong = np.mean(positive >= t), np.mean(negative >= t)
            total += (recall - last) * recall / (recall + wrong) if recall + wrong else 0
            last = recall
        return total

    return {
        'detection_accuracy': 100 * (1 - min(errors)),
        'auroc': 100 * np.mean(pairs),
        'aupr_in': 100 * area(inside, outside),
        'aupr_out': 100 * area(-outside, -inside),
    }


@pytest.mark.parametrize(('n', 'm', 'levels'), [(50, 50, 1000), (60, 17, 1000), (40, 90, 5), (1, 1, 10)])
def test_agrees_with_loops(n, m, levels):
    rng = np.random.default_rng(n)
    inside = rng.integers(levels // 4, levels, n) / levels
    outside = rng.integers(0, 3 * levels // 4, m) / levels
    assert detection_measures(inside, outside) == pytest.approx(by_loops(inside, outside))


def test_by_hand():
    measures = detection_measures(np.array([0.9, 0.8, 0.4]), np.array([0.6, 0.3]))
    assert measures['auroc'] == pytest.approx(100 * 5 / 6)
    assert measures['detection_accuracy'] == pytest.approx(100 * (1 - 1 / 6))  # between 0.6 and 0.8
    # Recall 1/3 and 2/3 at precision 1, then (1) / (1 + 1/2).
    assert measures['aupr_in'] == pytest.approx(100 * (2 / 3 + 1 / 3 * 1 / 1.5))
    # Recall 1/2 at precision 1, then 1 / (1 + 1/3).
    assert measures['aupr_out'] == pytest.approx(100 * (1 / 2 + 1 / 2 * 1 / (1 + 1 / 3)))


def test_limits():
    apart = detection_measures(np.array([0.9, 0.8]), np.array([0.1]))
    assert set(apart.values()) == {100.0}
    same = detection_measures(np.ones(4), np.ones(9))
    assert same == pytest.approx(dict.fromkeys(same, 50.0))
    # Scores that are upside down: rejecting everything, or nothing, is then the best.
    wrong = detection_measures(np.array([0.1]), np.array([0.9, 0.8]))
    assert (wrong['auroc'], wrong['detection_accuracy']) == (0, 50)


def test_a_set_twice_as_large_changes_nothing():
    rng = np.random.default_rng(0)
    inside, outside = rng.random(30), rng.random(20)
    assert detection_measures(inside, np.repeat(outside, 2)) == pytest.approx(
        detection_measures(inside, outside)
    )


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match='got 1 inside and 0 outside'):
        detection_measures(np.ones(1), np.ones(0))
    with pytest.raises(ValueError, match='not finite'):
        detection_measures(np.ones(1), np.array([np.nan]))
