"""The pictures of experiments, in one style: means over seeds, errors against calibration, curves."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmdet_multimix.visualization.plots import COLORS, save_figure

from .results import summarise

_MARKERS = 'osD^v'  # for more methods than colours
_COLUMNS = 4  # of a page of diagrams

Values = dict[str, dict[str, list[float]]]


def plot_dots(
    path: str | Path,
    names: Sequence[str],
    measures: dict[str, Values],
    *,
    title: str = '',
    gains: bool = False,
    published: Collection[str] = (),
) -> None:
    """A row of panels for each measure, a column for each group of runs, and in a panel a line for each name.

    A line shows the mean over seeds, a whisker and a dot for each seed. A picture of a single panel has the
    means as numbers, too.

    Args:
        path: Picture to write.
        names: What is compared, the first one on top.
        measures: By label of a measure and title of a group, the values of each name.
        title: Title.
        gains: Whether the values are gains over a baseline: whiskers are then standard errors, not standard
            deviations, and a line marks zero.
        published: Those of the names that were not measured here; their marks are hollow.
    """
    groups = list(dict.fromkeys(group for values in measures.values() for group in values))
    single = len(measures) == len(groups) == 1
    width = 8 if single else 2.2 + 3.2 * len(groups)
    height = 1.1 + len(measures) * (0.7 + (0.4 if single else 0.3) * len(names))
    figure = Figure(figsize=(width, height), layout='constrained')
    panels = figure.subplots(len(measures), len(groups), squeeze=False, sharey=True)
    for row, (label, values) in zip(panels, measures.items(), strict=True):
        for axes, group in zip(row, groups, strict=True):
            for y, name in enumerate(names):
                found = summarise(values.get(group, {}).get(name, ()))
                if found is None:
                    continue
                # A gain is over the baseline, whose grey stays its own.
                style = _style(['', *names] if gains else names, name)
                fill = {'markerfacecolor': 'white'} if name in published else {}
                axes.scatter(
                    found['values'], [y] * len(found['values']), s=14, color=style['color'], alpha=0.45
                )
                spread = found['error' if gains else 'std']
                axes.errorbar(found['mean'], y, xerr=spread, capsize=3, **style, **fill)
                if single:
                    place = {'xytext': (0, 6), 'textcoords': 'offset points', 'ha': 'center'}
                    axes.annotate(f'{found["mean"]:.3f}', (found['mean'], y), fontsize=8, **place)
            if gains:
                axes.axvline(0, color='black', linewidth=1)
            axes.set_xlabel(label)
            axes.locator_params(axis='x', nbins=5)
            _bare(axes, 'x')
        row[0].set_yticks(range(len(names)), names)
    for axes, group in zip(panels[0], groups, strict=True):
        axes.set_title(group)
    panels[0][0].set_ylim(len(names) - 0.5, -0.5 - 0.2 * single)
    whisker = 'standard error' if gains else 'standard deviation'
    note = f'large mark: mean over seeds; whisker: {whisker}; small dots: the seeds'
    note += '; hollow: published, not measured here' if published else ''
    figure.supxlabel(note, fontsize=9)
    figure.suptitle(title)
    save_figure(figure, path)


def plot_trade(
    path: str | Path, names: Sequence[str], errors: Values, calibration: Values, *, title: str
) -> None:
    """Error against calibration error, a panel for each group of runs; the best are at the lower left.

    Args:
        path: Picture to write.
        names: All methods.
        errors: By title of a group, the errors of each method, in percent.
        calibration: Their expected calibration errors.
        title: Title.
    """
    figure = Figure(figsize=(1 + 4 * len(errors), 4.8 + 0.12 * len(names)), layout='constrained')
    panels = figure.subplots(1, len(errors), squeeze=False)[0]
    for axes, (group, found) in zip(panels, errors.items(), strict=True):
        for name in names:
            x, y = summarise(found.get(name, ())), summarise(calibration.get(group, {}).get(name, ()))
            if x and y:
                spread = dict(xerr=x['std'], yerr=y['std'])
                axes.errorbar(x['mean'], y['mean'], label=name, **spread, **_style(names, name))
        axes.set(xlabel='error, %', ylabel='ECE', title=group)
        _bare(axes)
    # Four columns do not fit below a single panel.
    about = 'mean ± standard deviation over seeds; the lower left is best'
    _legend(figure, names, ncols=min(4, 2 * len(errors)), fontsize=8, title=about)
    figure.suptitle(title)
    save_figure(figure, path)


def plot_reliabilities(path: str | Path, diagrams: dict[str, list[dict[str, float]]], *, title: str) -> None:
    """The reliability diagrams of all methods on one page, the size of a dot being that of its bin.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, figure 1.

    Args:
        path: Picture to write.
        diagrams: For each method its bins, with `images`, `confidence` and `accuracy`.
        title: Title.
    """
    columns = min(_COLUMNS, len(diagrams))
    rows = math.ceil(len(diagrams) / columns)
    figure = Figure(figsize=(0.6 + 2.5 * columns, 1.0 + 2.6 * rows), layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, bins) in zip(panels.flat, diagrams.items(), strict=False):
        filled = [entry for entry in bins if entry['images']]
        images = sum(entry['images'] for entry in filled)
        confidence, accuracy = ([entry[key] for entry in filled] for key in ('confidence', 'accuracy'))
        sizes = [10 + 90 * math.sqrt(entry['images'] / images) for entry in filled]
        axes.plot([0, 1], [0, 1], color='black', linestyle='--', linewidth=1)
        axes.vlines(confidence, confidence, accuracy, color=COLORS[6], linewidth=1.5)
        axes.plot(confidence, accuracy, color=COLORS[1], linewidth=1)
        axes.scatter(confidence, accuracy, s=sizes, color=COLORS[1], zorder=3)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
        axes.set_title(name, fontsize=10)
        _bare(axes)
    for axes in list(panels.flat)[len(diagrams) :]:
        axes.set_visible(False)
    figure.supxlabel(
        'mean confidence of a bin (size: its share of the images of all seeds)\n'
        'above the diagonal: underconfident, below it: overconfident',
        fontsize=10,
    )
    figure.supylabel('accuracy of the bin', fontsize=10)
    figure.suptitle(title)
    save_figure(figure, path)


def plot_curves(
    path: str | Path,
    panels: Sequence[tuple[str, str, dict[str, list[tuple[int, float]]]]],
    *,
    title: str,
) -> None:
    """Panels of curves side by side, with one legend.

    Args:
        path: Picture to write.
        panels: For each panel the labels of its axes and its curves, `(step, value)` points by method.
        title: Title.
    """
    figure = Figure(figsize=(5.2 * len(panels), 4.2), layout='constrained')
    names = list(dict.fromkeys(name for _, _, curves in panels for name in curves))
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (xlabel, ylabel, curves) in zip(row, panels, strict=True):
        for name, points in curves.items():
            steps, values = zip(*points, strict=True) if points else ((), ())
            marker = 'o' if len(steps) < 15 else ''
            axes.plot(steps, values, color=_style(names, name)['color'], label=name, marker=marker)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        _bare(axes)
    _legend(figure, names, ncols=min(len(names), 4))
    figure.suptitle(title)
    save_figure(figure, path)


def _bare(axes: Axes, grid: str = 'both') -> None:
    axes.grid(axis=grid, alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)


def _legend(figure: Figure, names: Sequence[str], **options: int | str) -> None:
    """One legend below all panels, in the order of the names."""
    handles = {}
    for axes in figure.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    found = [name for name in names if name in handles]
    place = dict(loc='outside lower center', frameon=False)
    figure.legend([handles[name] for name in found], found, **place, **options)


def _style(names: Sequence[str], name: str) -> dict[str, str]:
    """The first is grey; the others take the colours in turn, and another marker each time around."""
    baseline, *colors = COLORS
    if name == names[0]:
        return {'color': baseline, 'fmt': _MARKERS[0]}
    turn, index = divmod(list(names).index(name) - 1, len(colors))
    return {'color': colors[index], 'fmt': _MARKERS[turn % len(_MARKERS)]}
