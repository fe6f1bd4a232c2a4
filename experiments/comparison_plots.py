"""Methods side by side: measures over seeds, reliability diagrams, error against calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from matplotlib.figure import Figure

from mmdet_multimix.visualization.plots import COLORS, save_figure

_MARKERS = 'osD^v'  # for more methods than colours
_COLUMNS = 4  # of a page of diagrams

Values = dict[str, dict[str, list[float]]]


def plot_methods(path: str | Path, names: Sequence[str], measures: dict[str, Values], *, title: str) -> None:
    """A row for each measure, a column for each group of runs: mean, standard deviation, a dot a seed.

    Args:
        path: Picture to write.
        names: All methods, the first one on top.
        measures: By label of a measure and title of a group, the values of each method.
        title: Title.
    """
    groups = list(dict.fromkeys(group for values in measures.values() for group in values))
    size = (2.2 + 3.2 * len(groups), 0.8 + len(measures) * (0.9 + 0.27 * len(names)))
    figure = Figure(figsize=size, layout='constrained')
    panels = figure.subplots(len(measures), len(groups), squeeze=False, sharey=True)
    for row, (label, values) in zip(panels, measures.items(), strict=True):
        for axes, group in zip(row, groups, strict=True):
            for y, name in enumerate(names):
                series = values.get(group, {}).get(name)
                if series:
                    style = _style(names, name)
                    axes.scatter(series, [y] * len(series), s=14, color=style['color'], alpha=0.45)
                    axes.errorbar(mean(series), y, xerr=_spread(series), capsize=3, **style)
            axes.set(xlabel=label, title=group)
            axes.grid(axis='x', alpha=0.3)
            axes.spines[['top', 'right']].set_visible(False)
        row[0].set_yticks(range(len(names)), names)
    panels[0][0].set_ylim(len(names) - 0.5, -0.5)
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
    figure = Figure(figsize=(1 + 4 * len(errors), 4.6 + 0.12 * len(names)), layout='constrained')
    for axes, (group, found) in zip(
        figure.subplots(1, len(errors), squeeze=False)[0], errors.items(), strict=True
    ):
        for name, series in found.items():
            other = calibration.get(group, {}).get(name)
            if other:
                spread = dict(xerr=_spread(series), yerr=_spread(other))
                axes.errorbar(mean(series), mean(other), label=name, **spread, **_style(names, name))
        axes.set(xlabel='error, %', ylabel='ECE', title=group)
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    handles = {}
    for axes in figure.axes:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    shown = [name for name in names if name in handles]
    figure.legend(
        [handles[name] for name in shown],
        shown,
        loc='outside lower center',
        ncols=min(4, 2 * len(errors)),  # four do not fit below a single panel
        frameon=False,
        fontsize=8,
    )
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
    figure = Figure(figsize=(0.6 + 2.5 * columns, 0.8 + 2.6 * rows), layout='constrained')
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
        axes.grid(alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    for axes in list(panels.flat)[len(diagrams) :]:
        axes.set_visible(False)
    figure.supxlabel('mean confidence of a bin (size: its share of the images of all seeds)')
    figure.supylabel('accuracy of the bin')
    figure.suptitle(title)
    save_figure(figure, path)


def _style(names: Sequence[str], name: str) -> dict[str, str]:
    baseline, *colors = COLORS
    if name == names[0]:
        return {'color': baseline, 'fmt': _MARKERS[0]}
    turn, index = divmod(list(names).index(name) - 1, len(colors))
    return {'color': colors[index], 'fmt': _MARKERS[turn % len(_MARKERS)]}


def _spread(series: Sequence[float]) -> float | None:
    return stdev(series) if len(series) > 1 else None
