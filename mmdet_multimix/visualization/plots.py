"""Bars and curves in one style."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..utils.files import atomic_path

# One colour a method wherever it is drawn; distinguishable without red-green vision.
COLORS = ('#7f7f7f', '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#000000')
COLORS += ('#882255', '#44aa99', '#999933', '#332288', '#ddaa88')
_NAME_WIDTH = 14  # characters beside each other under a bar


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure, whole or not at all."""
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=110)


def plot_bars(
    path: str | Path,
    names: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    ylabel: str,
    title: str,
) -> None:
    """One bar a method: the mean over seeds, a whisker of one standard deviation, a dot per seed.

    Args:
        path: Picture to write.
        names: Method names; long ones are broken.
        values: For each method its value of every seed.
        ylabel: What is measured, with its unit.
        title: Title.
    """
    figure = Figure(figsize=(1.6 + 1.5 * len(names), 4.2), layout='constrained')
    axes = figure.subplots()
    for x, series in enumerate(values):
        mean = sum(series) / len(series)
        spread = _std(series)
        color = COLORS[x % len(COLORS)]
        axes.bar(x, mean, width=0.62, color=color, alpha=0.85, yerr=spread or None, capsize=5)
        if len(series) > 1:
            axes.scatter([x] * len(series), series, color='black', s=14, zorder=3)
        axes.text(x, mean / 2, f'{mean:.3f}', ha='center', va='center', color='white', fontweight='bold')
    axes.set_xticks(range(len(names)), [textwrap.fill(name, _NAME_WIDTH) for name in names])
    axes.set_ylabel(ylabel)
    axes.set_title(title)
    axes.spines[['top', 'right']].set_visible(False)
    save_figure(figure, path)


def _std(series: Sequence[float]) -> float:
    """Sample standard deviation, 0 of a single value."""
    if len(series) < 2:
        return 0.0
    mean = sum(series) / len(series)
    return (sum((value - mean) ** 2 for value in series) / (len(series) - 1)) ** 0.5


def plot_curves(
    path: str | Path,
    panels: Sequence[tuple[str, str, dict[str, list[tuple[int, float]]]]],
    *,
    title: str,
) -> None:
    """Panels of curves side by side, with one legend.

    Args:
        path: Picture to write.
        panels: For each panel the labels of its axes and its curves, ``(step, value)`` points by method.
        title: Title.
    """
    figure = Figure(figsize=(5.2 * len(panels), 4.2), layout='constrained')
    names = list(dict.fromkeys(name for _, _, curves in panels for name in curves))
    for axes, (xlabel, ylabel, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for name, points in curves.items():
            color = COLORS[names.index(name) % len(COLORS)]
            steps, values = zip(*points, strict=True) if points else ((), ())
            axes.plot(
                steps, values, color=color, label=name, linewidth=1.6, marker='o' if len(steps) < 15 else ''
            )
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
    handles = {h.get_label(): h for axes in figure.axes for h in axes.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=min(len(names), 4))
    figure.suptitle(title)
    save_figure(figure, path)
