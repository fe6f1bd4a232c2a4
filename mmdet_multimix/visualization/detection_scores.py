"""What a detector's scores are worth: reliability by class, corruptions, images from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from .ood_scores import draw_histograms
from .plots import COLORS, save_figure

_COLUMNS = 5


def plot_reliability_grid(
    path: str | Path,
    panels: Mapping[str, Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
) -> None:
    """A small reliability diagram for each class or setting, a point a bin, as large as the bin is full.

    Args:
        path: Picture to write.
        panels: For each panel its title and curves: a name, and for each filled bin the mean score, the mean
            outcome and the number of detections.
        xlabel: What the score is.
        ylabel: What it should be.
        title: Title.
    """
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(0.8 + 2.5 * columns, 1.1 + 2.6 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for place, axes in enumerate(grid.flat):
        if place >= len(panels):
            axes.set_visible(False)
            continue
        name, curves = list(panels.items())[place]
        axes.plot([0, 1], [0, 1], color='black', linestyle='--', linewidth=1)
        for index, (label, scores, outcomes, counts) in enumerate(curves):
            color = COLORS[(1, 6, 3)[index % 3]]
            axes.plot(scores, outcomes, color=color, linewidth=1.4, label=label)
            if len(counts):
                axes.scatter(
                    scores, outcomes, 8 + 70 * counts / counts.max(), color=color, alpha=0.75, clip_on=False
                )
        if not any(len(counts) for *_, counts in curves):
            axes.text(0.5, 0.9, 'no detections', ha='center', fontsize=9)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect='equal')
        axes.set_title(name, fontsize=10)
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
        axes.tick_params(labelbottom=place + columns >= len(panels))
        if place % columns == 0:
            axes.set_ylabel(ylabel)
        if place + columns >= len(panels):
            axes.set_xlabel(xlabel)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc='outside lower center', ncols=len(labels), frameon=False)
    figure.suptitle(title)
    save_figure(figure, path)


def plot_corruptions(
    path: str | Path, table: dict[str, dict[int, float]], clean: float, *, what: str, title: str
) -> None:
    """A cell for each corruption and severity: the value, dark where little is left of the clean one.

    Args:
        path: Picture to write.
        table: For each corruption its value at each severity.
        clean: The value without.
        what: What the values are.
        title: Title.
    """
    severities = sorted({severity for row in table.values() for severity in row})
    values = np.array([[row.get(s, math.nan) for s in severities] for row in table.values()])
    means = values.mean(axis=1, keepdims=True)
    shown = np.concatenate([values, means], axis=1)
    height, width = 1.6 + 0.36 * len(table), 3.4 + 0.75 * len(severities)
    figure = Figure(figsize=(width, height), layout='constrained')
    axes = figure.subplots()
    top = max(clean, float(np.nanmax(shown)), 1e-9)
    image = axes.imshow(shown, cmap='cividis', vmin=0, vmax=top, aspect='auto')
    for (y, x), value in np.ndenumerate(shown):
        color = 'black' if value > 0.6 * top else 'white'
        axes.text(x, y, f'{value:.3f}', ha='center', va='center', color=color, fontsize=8)
    axes.axvline(len(severities) - 0.5, color='white', linewidth=3)
    axes.set_xticks(range(len(severities) + 1), [*map(str, severities), 'mean'])
    axes.set_yticks(range(len(table)), [name.replace('_', ' ') for name in table])
    axes.set_xlabel('severity')
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, label=f'{what} (clean {clean:.3f})', fraction=0.05)
    figure.suptitle(title)
    save_figure(figure, path)


def plot_highest_scores(
    path: str | Path,
    inside: np.ndarray,
    outside: dict[str, np.ndarray],
    captions: dict[str, str],
    score_thr: float,
    *,
    title: str,
) -> None:
    """Histograms of the highest score in each image, one panel a set of images from outside.

    Args:
        path: Picture to write.
        inside: Of the test images, ``(N,)``; 0 where nothing was found.
        outside: Of the others, by the name of their set.
        captions: For each set what its panel says beside its name.
        score_thr: The score from which a detection is confident, drawn as a line.
        title: Title.
    """
    names = 'test images', 'images without any known class'
    figure = draw_histograms(inside, outside, captions, np.linspace(0, 1, 21), names, title=title)
    for axes in figure.axes[: len(outside)]:
        axes.axvline(score_thr, color='black', linestyle='--', linewidth=1)
        axes.set_xlabel('highest score in the image')
    save_figure(figure, path)
