"""Detections beside the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from .plots import save_figure

_PALETTE = matplotlib.color_sequences['tab10']


def plot_detections(
    path: str | Path,
    images: Sequence[str | Path],
    columns: dict[str, Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]]],
    classes: Sequence[str],
    *,
    title: str,
) -> None:
    """A grid: a row an image, a column a detector (or the ground truth).

    Args:
        path: Picture to write.
        images: Image files, one a row.
        columns: For each column its title and, for each image, boxes `(k, 4)` as x1, y1, x2, y2 in pixels,
            labels `(k,)` and scores `(k,)`, or None for the ground truth.
        classes: Class names.
        title: Title.
    """
    figure = Figure(figsize=(2.3 * len(columns), 2.3 * len(images) + 0.8), layout='constrained')
    grid = figure.subplots(len(images), len(columns), squeeze=False)
    for row, image in enumerate(images):
        pixels = np.asarray(Image.open(image).convert('RGB'))
        for column, (name, results) in enumerate(columns.items()):
            axes = grid[row][column]
            axes.imshow(pixels, interpolation='nearest')
            axes.set_axis_off()
            if row == 0:
                axes.set_title(name, fontsize=10)
            _draw(axes, *results[row], classes)
    figure.suptitle(title)
    save_figure(figure, path)


def _draw(
    axes: Axes, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray | None, classes: Sequence[str]
) -> None:
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        label = int(labels[index])
        color = _PALETTE[label % len(_PALETTE)]
        axes.add_patch(
            Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=1.5)
        )
        text = classes[label] if scores is None else f'{classes[label]} {scores[index]:.2f}'
        # Inside the picture where the box touches its upper edge.
        above = y1 > 9
        axes.text(
            x1,
            y1 - 1.5 if above else y2 + 1.5,
            text,
            fontsize=6.5,
            color='black',
            va='bottom' if above else 'top',
            bbox={'facecolor': color, 'edgecolor': 'none', 'pad': 0.8, 'alpha': 0.85},
        )
