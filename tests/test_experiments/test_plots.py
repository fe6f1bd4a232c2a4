"""What is in the pictures of experiments: marks where the numbers are, and nothing cut off."""

from types import SimpleNamespace

import matplotlib.figure
import pytest
from cli import ROOT
from matplotlib.image import imread

from experiments.comparison import load_comparison
from experiments.measures import Measures
from experiments.plots import plot_curves, plot_dots, plot_reliabilities, plot_trade
from experiments.sweep_report import write_report as write_sweep

METHODS = list(load_comparison(ROOT / 'configs/compare/digits.py').methods)


@pytest.fixture
def figure(monkeypatch):
    """The figure that was drawn last."""
    drawn, save = [], matplotlib.figure.Figure.savefig

    def keep(self, *args, **kwargs):
        drawn.append(self)
        return save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, 'savefig', keep)
    return lambda: drawn[-1]


def whole(path):
    """Whether something is drawn, and nothing touches the edge of the picture."""
    picture = imread(path)[..., :3]
    return (
        (picture[:, [0, -1]] == 1).all()
        and (picture[[0, -1]] == 1).all()
        and (picture < 1).any()
        and not list(path.parent.glob('*.part*'))
    )


def marks(axes):
    """Of each line with a whisker its colour, its mean, and the ends of its whisker."""
    found = []
    for container in axes.containers:
        mark, _, bars = container
        ends = [tuple(point[0] for point in segment) for bar in bars for segment in bar.get_segments()]
        found.append((mark.get_color(), mark.get_xdata()[0], *(ends or [None])))
    return found


def test_dots_show_means_spreads_and_seeds(figure, tmp_path):
    values = {'base': [2.0, 4.0, 6.0], 'ours': [5.0], 'theirs': [8.0]}
    measures = {'mAP': {'': values}}
    plot_dots(tmp_path / 'a.png', ['base', 'ours', 'theirs'], measures, title='T', published=['theirs'])
    (axes,) = figure().axes
    assert [(mean, *spread) for _, mean, *spread in marks(axes)] == [(4, (2, 6)), (5, None), (8, None)]
    assert [dots.get_offsets()[:, 0].tolist() for dots in axes.collections if len(dots.get_offsets())][
        :1
    ] == [[2, 4, 6]]
    assert [text.get_text() for text in axes.texts] == ['4.000', '5.000', '8.000']
    hollow = [container[0].get_markerfacecolor() for container in axes.containers]
    assert hollow[2] == 'white' and 'white' not in hollow[:2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ['base', 'ours', 'theirs']
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top
    note = figure().get_supxlabel()
    assert 'standard deviation' in note and 'hollow: published' in note
    assert whole(tmp_path / 'a.png')


def test_dots_of_gains_have_standard_errors_and_a_line_at_zero(figure, tmp_path):
    measures = {'gain': {'25 images': {'ours': [1.0, 3.0]}, '50 images': {}}}
    plot_dots(tmp_path / 'a.png', ['ours'], measures, gains=True)
    first, second = figure().axes
    ((color, mean, ends),) = marks(first)  # deviation 2 / sqrt(2), error 1
    assert mean == 2 and ends == pytest.approx((1, 3))
    assert [line.get_xdata() for line in second.lines] == [[0, 0]] and not marks(second)
    assert (first.get_title(), second.get_title()) == ('25 images', '50 images')
    assert 'standard error' in figure().get_supxlabel()
    plot_dots(tmp_path / 'b.png', ['base', 'ours'], measures)
    assert color == marks(figure().axes[0])[0][0]  # the baseline has no gain, and keeps its grey


def test_a_sweep_shows_what_it_measured_beside_its_metric(figure, tmp_path):
    """A row for each number of images, a column for each measure; a fit afterwards is left to the table."""
    cells = [
        SimpleNamespace(name=f'{setting}/{images}/{seed}', setting=setting, images=images, seed=seed)
        for setting in ('plain', 'ours')
        for images in (50, 25)
        for seed in range(2)
    ]
    results = {
        cell.name: {
            'mAP': 0.4 + 0.1 * (cell.setting == 'ours') * (1 + cell.seed),
            'd_ece': 0.2 if cell.setting == 'plain' else 0.1,
            'laece': None,  # nothing was found
            'nll': 0.5,
            'd_ece_isotonic': 0.9,
            'seconds': 1.0,
        }
        for cell in cells
        if cell.images == 25 or cell.setting == 'plain'
    }
    experiment = SimpleNamespace(
        metric='mAP',
        settings=['plain', 'ours'],
        images=[50, 25],
        detector='x.py',
        measures=Measures(post_hoc=True),
        cells=lambda: cells,
    )
    write_sweep(tmp_path, experiment, results, {})
    axes = figure().axes
    assert [panel.get_title() for panel in axes] == ['mAP', 'D-ECE', 'LaECE', 'NLL'] + [''] * 4
    assert [panel.get_xlabel() for panel in axes[::4]] == ['25 training images', '50 training images']
    means = [[mark[1] for mark in marks(panel)] for panel in axes]
    assert means == [pytest.approx(found) for found in ([0.15], [-0.1], [], [0], [], [], [], [])]
    assert 'plain' in figure().get_suptitle() and whole(tmp_path / 'changes.png')


def test_methods_can_be_told_apart(figure, tmp_path):
    names = [f'method {index}' for index in range(30)]
    values = {'': {name: [float(index)] for index, name in enumerate(names)}}
    plot_dots(tmp_path / 'a.png', names, {'x': values})
    styles = [(c[0].get_color(), c[0].get_marker()) for c in figure().axes[0].containers]
    assert len(styles) == len(set(styles)) == 30


@pytest.mark.parametrize('groups', [1, 2, 3])
def test_the_legend_fits_below_the_panels(groups, figure, tmp_path):
    values = {f'{group} images': {name: [1.0, 2.0] for name in METHODS} for group in range(groups)}
    values['0 images']['mixup'] = [3.0, 5.0]
    if groups > 1:
        del values['0 images']['CutMix']  # which is in another panel
    plot_trade(tmp_path / 'trade.png', METHODS, values, values, title='Digits')
    assert whole(tmp_path / 'trade.png')
    legend = [text.get_text() for text in figure().legends[0].get_texts()]
    assert legend == METHODS
    mark, _, bars = figure().axes[0].containers[METHODS.index('mixup')]
    assert (mark.get_xdata()[0], mark.get_ydata()[0], len(bars)) == (4, 4, 2)


def test_diagrams_leave_out_empty_bins(figure, tmp_path):
    bins = [
        {'images': 0, 'confidence': 0.0, 'accuracy': 0.0},
        {'images': 30, 'confidence': 0.6, 'accuracy': 0.5},
        {'images': 10, 'confidence': 0.9, 'accuracy': 1.0},
    ]
    plot_reliabilities(tmp_path / 'a.png', dict.fromkeys(METHODS[:5], bins), title='Digits')
    shown = [axes for axes in figure().axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == METHODS[:5]
    assert shown[0].lines[1].get_xydata().tolist() == [[0.6, 0.5], [0.9, 1.0]]
    large, small = shown[0].collections[1].get_sizes()
    assert large > small
    assert whole(tmp_path / 'a.png')


def test_curves_share_a_legend(figure, tmp_path):
    curves = {'plain': [(1, 3.0), (2, 2.0)], 'ours': [(1, 2.5)], 'nothing logged': []}
    plot_curves(
        tmp_path / 'a.png', [('step', 'loss', curves), ('step', 'mAP', {'ours': [(2, 0.5)]})], title='T'
    )
    left, right = figure().axes
    assert left.lines[0].get_xydata().tolist() == [[1, 3], [2, 2]]
    assert left.lines[1].get_color() == right.lines[0].get_color() != left.lines[0].get_color()
    assert [text.get_text() for text in figure().legends[0].get_texts()] == list(curves)
    assert (left.get_ylabel(), right.get_ylabel()) == ('loss', 'mAP')
    assert whole(tmp_path / 'a.png')
