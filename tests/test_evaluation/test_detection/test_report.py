"""What the report of a detector says where there was nothing to measure."""

import math

import numpy as np
import pytest

from mmdet_multimix.evaluation.detection.report import markdown
from mmdet_multimix.visualization import detection_scores

SAID = 'n/a: there is nothing to measure it on'


@pytest.mark.parametrize(
    ('measures', 'expected'),
    [
        ({'d_ece': 0.1}, False),
        ({'d_ece': math.nan}, True),
        ({'post_hoc': {'none': {'d_ece': math.nan, 'laece': 0.1}}}, True),
    ],
)
def test_a_value_that_is_not_there_is_explained(measures, expected):
    page = markdown(measures, {'config': 'n/a.py'}, [])
    assert ('| n/a |' in page) == (SAID in page) == expected


@pytest.mark.parametrize('empty', [True, False])
def test_a_panel_without_detections_says_so(monkeypatch, tmp_path, empty):
    drawn = []
    monkeypatch.setattr(detection_scores, 'save_figure', lambda figure, path: drawn.append(figure))
    points = np.array([]) if empty else np.array([0.5])
    detection_scores.plot_reliability_grid(
        tmp_path / 'a.png',
        {'precision': [('nothing', points, points, points), ('isotonic', points, points, points)]},
        xlabel='mean score',
        ylabel='mean precision',
        title='a',
    )
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts == (['no detections'] if empty else [])
