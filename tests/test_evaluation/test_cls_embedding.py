import math

import pytest
import torch

from mmdet_multimix.evaluation import ClsEmbedding


def test_by_hand():
    """Two classes on two axes: the pairs of a class coincide, the four others are a right angle apart."""
    metric = ClsEmbedding()
    features = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 1.0]])
    for rows in torch.arange(4).split(3):
        metric.process({}, [{'feature': features[i], 'gt_label': int(i) // 2} for i in rows])
    found = metric.evaluate(4)
    assert found['embedding/alignment'] == found['embedding/tightness'] == 0
    assert found['embedding/uniformity'] == pytest.approx(math.log((2 + 4 * math.exp(-4)) / 6))
    assert set(found) == {f'embedding/{name}' for name in ('alignment', 'uniformity', 'tightness', 'spread')}


def test_a_model_without_features_is_refused():
    with pytest.raises(ValueError, match='predicts no features'):
        ClsEmbedding().process({}, [{'pred_score': torch.ones(2), 'gt_label': 0}])
