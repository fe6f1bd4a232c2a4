"""Histograms of scores inside and outside of the distribution."""

import numpy as np
import pytest

from mmdet_multimix.visualization.ood_scores import draw_histograms


@pytest.mark.parametrize('sets', [1, 4])
def test_every_set_has_a_panel_with_numbers_below_it_and_shares_that_sum_to_one(sets):
    outside = {f'set {number}': np.linspace(0, 1, 5 + number) for number in range(sets)}
    captions = dict.fromkeys(outside, 'x')
    figure = draw_histograms(np.ones(3), outside, captions, np.linspace(0, 1, 5), ('in', 'out'), title='')
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [f'{name}: x' for name in outside]
    for axes in shown:
        assert axes.xaxis.get_tick_params()['labelbottom']
        shares = [sum(bar.get_height() for bar in bars) for bars in axes.containers]
        assert shares == pytest.approx([1, 1])
