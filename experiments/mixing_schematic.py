"""The figure of docs/mixing.md: which examples of a detector are mixed, chosen by the code that does so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmdet_multimix.models.detection import DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.example_choice import mixed_weights
from mmdet_multimix.visualization.plots import COLORS, save_figure

_CLASSES = ('car', 'bus', 'cat', 'background')
_PALETTE = (COLORS[1], COLORS[2], COLORS[3], '#9a9a9a')
_BACKGROUND = 3
# Two images with labels of RoIs, and where in the image (a unit square) these are: x, y, width, height.
_ROIS = (
    [
        (0, 0.05, 0.52, 0.40, 0.36),
        (0, 0.09, 0.57, 0.40, 0.36),
        (0, 0.02, 0.46, 0.40, 0.36),
        (1, 0.62, 0.50, 0.30, 0.40),
        (3, 0.58, 0.10, 0.20, 0.20),
        (3, 0.08, 0.08, 0.22, 0.26),
        (3, 0.34, 0.13, 0.20, 0.24),
        (3, 0.78, 0.16, 0.18, 0.24),
        (3, 0.44, 0.38, 0.18, 0.20),
    ],
    [
        (0, 0.08, 0.10, 0.36, 0.32),
        (0, 0.12, 0.05, 0.36, 0.32),
        (2, 0.60, 0.52, 0.30, 0.36),
        (2, 0.56, 0.57, 0.30, 0.36),
        (3, 0.10, 0.58, 0.20, 0.26),
        (3, 0.32, 0.66, 0.20, 0.24),
        (3, 0.58, 0.08, 0.22, 0.26),
        (3, 0.78, 0.16, 0.18, 0.24),
        (3, 0.34, 0.43, 0.18, 0.18),
    ],
)
_CHOICES = {
    "among='all'": dict(among='all'),
    "among='foreground'": dict(among='foreground'),
    "among='balanced'": dict(among='balanced'),
    "among='class_balanced'": dict(among='class_balanced'),
    "among='all',\nwithin_image=True,\ntwo tuples": dict(among='all', within_image=True),
}


def plot_mixing(path: str | Path) -> None:
    """Draws two images, and for each way of choosing a tuple: its examples, their weights, its target.

    Args:
        path: Picture to write.
    """
    figure = Figure(figsize=(10, 10.2))
    figure.text(
        0.02, 0.985, 'Two-stage detectors: the sampled RoIs', fontsize=12, fontweight='bold', va='center'
    )
    for image, (x, rois) in enumerate(zip((0.205, 0.505), _ROIS, strict=True)):
        axes = figure.add_axes((x, 0.805, 0.265, 0.14))
        _draw_rois(axes, rois, f'image {image + 1}')
    _legend(figure.add_axes((0.80, 0.81, 0.18, 0.12)))
    labels = torch.tensor([roi[0] for rois in _ROIS for roi in rois])
    images = torch.tensor([float(i) for i, rois in enumerate(_ROIS) for _ in rois])
    bottom = 0.715
    for number, (name, options) in enumerate(_CHOICES.items()):
        tuples = 2 if options.get('within_image') else 1
        figure.text(
            0.02, bottom + 0.03 - 0.0365 * (tuples - 1), name, fontsize=8.5, family='monospace', va='center'
        )
        for weights in _draw(labels, images, options, tuples):
            _draw_weights(figure.add_axes((0.205, bottom, 0.565, 0.06)), labels, images, weights)
            _draw_target(
                figure.add_axes((0.80, bottom + 0.004, 0.16, 0.052)), labels, weights, title=number == 0
            )
            bottom -= 0.073
        bottom -= 0.006
    figure.text(
        0.02,
        0.255,
        "One-stage detectors: the positions (or anchors) of all levels, here among='balanced'",
        fontsize=12,
        fontweight='bold',
        va='center',
    )
    _draw_maps(figure)
    save_figure(figure, path)


def _draw(labels: torch.Tensor, images: torch.Tensor, options: dict, n: int) -> torch.Tensor:
    """Weights of n tuples over all examples, zeros for those that are not chosen, `(n, b)`."""
    module = DetectionMultiMix(n=n, alpha=1.0, **options, form=MixedForm('sigmoid'))
    module.generator = torch.Generator().manual_seed(1)
    chosen = module.choose(labels, None, _BACKGROUND, images.unsqueeze(1))
    weights = torch.zeros(n, len(labels))
    weights[:, chosen] = mixed_weights(module, len(chosen), n, seed=2)
    return weights


def _draw_rois(axes: Axes, rois: list, title: str) -> None:
    for label, x, y, w, h in rois:
        style = '--' if label == _BACKGROUND else '-'
        axes.add_patch(
            Rectangle((x, y), w, h, fill=False, edgecolor=_PALETTE[label], linewidth=1.6, linestyle=style)
        )
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
    axes.set_title(title, fontsize=9, pad=3)


def _legend(axes: Axes) -> None:
    for place, (name, color) in enumerate(zip(_CLASSES, _PALETTE, strict=True)):
        axes.add_patch(Rectangle((0.0, place + 0.2), 0.5, 0.6, color=color))
        axes.text(0.7, place + 0.5, name, fontsize=9, va='center')
    axes.text(
        0.0,
        5.2,
        'square: a RoI, faint if not chosen\nbar on it: its weight in a tuple',
        fontsize=8,
        va='center',
    )
    axes.set(xlim=(0, 4), ylim=(6, 0))
    axes.set_axis_off()


def _draw_weights(axes: Axes, labels: torch.Tensor, images: torch.Tensor, weights: torch.Tensor) -> None:
    top = float(weights.max())
    for place, (label, image, weight) in enumerate(
        zip(labels.tolist(), images.tolist(), (weights / top).tolist(), strict=True)
    ):
        x = place + image  # a gap between the images
        color = _PALETTE[label]
        axes.add_patch(
            Rectangle((x + 0.1, 0), 0.8, 0.42, color=color, alpha=1.0 if weight else 0.14, linewidth=0)
        )
        axes.add_patch(Rectangle((x + 0.1, 0.5), 0.8, weight, color=color, linewidth=0))
    axes.set(xlim=(0, len(labels) + 1), ylim=(0, 1.55))
    axes.set_axis_off()


def _draw_target(axes: Axes, labels: torch.Tensor, weights: torch.Tensor, *, title: bool) -> None:
    shares = [float(weights[labels == label].sum()) for label in range(len(_CLASSES))]
    axes.barh(range(len(shares)), shares, color=_PALETTE, height=0.75)
    for place, share in enumerate(shares):
        if share:
            axes.text(share + 0.02, place, f'{share:.0%}', fontsize=7, va='center')
    axes.set(xlim=(0, 1.1), ylim=(3.6, -0.6), xticks=[], yticks=[])
    axes.spines[['top', 'right', 'bottom']].set_visible(False)
    if title:
        axes.set_title('mixed target', fontsize=9, pad=3)


def _draw_maps(figure: Figure) -> None:
    sizes, labels, images = (12, 6), [], []
    for image, objects in enumerate(([(0, 0.08, 0.45, 0.3), (1, 0.6, 0.5, 0.34)], [(2, 0.5, 0.2, 0.4)])):
        for level, size in enumerate(sizes):
            grid = np.full((size, size), _BACKGROUND)
            for label, x, y, side in objects:
                if (side > 0.32) == bool(level):  # large objects belong to the coarse level
                    low, high = (int(np.ceil(v * size)) for v in (x, x + side))
                    start, stop = (int(np.ceil(v * size)) for v in (y, y + side))
                    grid[start:stop, low:high] = label
            labels.append(torch.from_numpy(grid.flatten()))
            images.append(torch.full((size * size,), float(image)))
    flat = torch.cat(labels)
    weights = _draw(flat, torch.cat(images), dict(among='balanced'), 1)[0]
    parts = weights.split([len(part) for part in labels])
    for place, (part, weight) in enumerate(zip(labels, parts, strict=True)):
        size, image = sizes[place % 2], place // 2 + 1
        axes = figure.add_axes((0.02 + 0.195 * place, 0.035, 0.175, 0.175))
        y, x = np.divmod(np.arange(size * size), size)
        colors = [_PALETTE[label] for label in part.tolist()]
        for cx, cy, color, chosen in zip(x, y, colors, (weight > 0).tolist(), strict=True):
            faint = 0.34 if color != _PALETTE[_BACKGROUND] else 0.12
            axes.add_patch(
                Rectangle(
                    (cx + 0.06, cy + 0.06), 0.88, 0.88, color=color, alpha=faint + 0.1 * chosen, linewidth=0
                )
            )
        area = 1.7e3 / size**2 * (weight / weights.max()).numpy() * 2
        axes.scatter(x + 0.5, y + 0.5, s=area, c=colors, edgecolors='black', linewidths=0.5 * (area > 0))
        axes.set(xlim=(0, size), ylim=(size, 0), xticks=[], yticks=[])
        axes.set_title(f'image {image}, {"coarse" if place % 2 else "fine"} level', fontsize=9, pad=3)
    _draw_target(figure.add_axes((0.82, 0.06, 0.14, 0.10)), flat, weights, title=True)
    note = (
        'square: a position, coloured inside an object; circle: a chosen one, its area: weight in the tuple'
    )
    figure.text(0.02, 0.014, note, fontsize=8, va='center')
