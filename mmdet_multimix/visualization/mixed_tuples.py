"""Tuples as rows: the examples with the largest weights, and the target that all of them mix to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..utils.names import clip
from .plots import COLORS

_BARS = 6  # of a target; the rest is one more
_NAME = 15  # letters of a class name


@dataclass
class MixedTuple:
    """What is shown of a tuple.

    Args:
        crops: The examples with the largest weights, largest first, each an RGB image ``(h, w, 3)`` of bytes,
            or None where the image is not at hand.
        names: Their classes.
        weights: Their weights.
        num_examples: Number of examples that have a weight.
        target: The mixed target: of each class that has one, its share.
    """

    crops: Sequence[np.ndarray | None]
    names: Sequence[str]
    weights: Sequence[float]
    num_examples: int
    target: dict[str, float]


def draw_mixed_tuples(tuples: Sequence[MixedTuple], *, title: str) -> np.ndarray:
    """Draw a picture 1000 pixels wide with a row for each tuple.

    Args:
        tuples: What to draw, one at least.
        title: One line above all.

    Returns:
        ``(h, 1000, 3)``, RGB, bytes.
    """
    columns = max(len(item.crops) for item in tuples)
    figure = Figure(figsize=(10, 0.5 + 1.95 * len(tuples)), dpi=100)
    rows: Any = figure.subfigures(len(tuples) + 1, 1, height_ratios=[0.5, *[1.95] * len(tuples)])
    rows[0].text(0.012, 0.45, title, fontsize=11, fontweight='bold', va='center')
    for number, (row, item) in enumerate(zip(rows[1:], tuples, strict=True), 1):
        share = sum(item.weights)
        text = f'Tuple {number}: {len(item.crops)} of {item.num_examples} examples, {share:.0%} of the weight'
        row.text(0.012, 0.94, text, fontsize=9, va='top')
        row.text(0.745, 0.94, 'Mixed target of all of them', fontsize=9, va='top')
        grid = row.add_gridspec(1, columns, left=0.012, right=0.66, bottom=0.03, top=0.70, wspace=0.12)
        for column, (crop, name, weight) in enumerate(zip(item.crops, item.names, item.weights, strict=True)):
            _tile(row.add_subplot(grid[column]), crop, f'{weight:.1%}  {_short(name)}')
        _bars(row.add_axes((0.79, 0.08, 0.16, 0.70)), item.target)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _tile(axes: Axes, crop: np.ndarray | None, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color('#bbbbbb')
    axes.set_title(text, fontsize=8, pad=3)
    axes.set_facecolor('#eeeeee')
    axes.set_box_aspect(1)
    if crop is None:
        axes.text(0.5, 0.5, 'no image', fontsize=8, color='#777777', ha='center', va='center')
        return
    h, w = crop.shape[:2]
    side = max(h, w)
    axes.imshow(crop, interpolation='nearest' if side < 64 else 'antialiased', extent=(0, w, h, 0))
    axes.set_xlim((w - side) / 2, (w + side) / 2)  # squares, whatever the shape of the crop
    axes.set_ylim((h + side) / 2, (h - side) / 2)


def _bars(axes: Axes, target: dict[str, float]) -> None:
    ranked = sorted(target.items(), key=lambda item: -item[1])
    shown = ranked[:_BARS]
    if len(ranked) > _BARS:
        rest = [value for _, value in ranked[_BARS - 1 :]]
        shown = [*ranked[: _BARS - 1], (f'{len(rest)} others', sum(rest))]
    values = [value for _, value in shown]
    y = range(len(shown))
    axes.barh(y, values, color=COLORS[1], height=0.7)
    for place, value in zip(y, values, strict=True):
        axes.text(value + 0.02 * max(values), place, f'{value:.1%}', fontsize=7.5, va='center')
    axes.set_yticks(y, [_short(name) for name, _ in shown], fontsize=7.5)
    axes.set_ylim(_BARS - 0.5, -0.5)
    axes.set_xlim(0, 1.05 * max(*values, 1e-6))
    axes.set_xticks([])
    axes.spines[['top', 'right', 'bottom']].set_visible(False)
    axes.tick_params(length=0)


def _short(name: str) -> str:
    return clip(name, _NAME).replace('$', r'\$')  # or matplotlib would read it as a formula
