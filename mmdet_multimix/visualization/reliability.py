"""The reliability diagram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from .plots import COLORS, save_figure

_ACCURACY, _CONFIDENCE = COLORS[1], COLORS[6]


def plot_reliability(
    path: str | Path,
    edges: np.ndarray,
    counts: np.ndarray,
    confidence: np.ndarray,
    accuracy: np.ndarray,
    *,
    title: str,
    outcome: str = 'accuracy',
    unit: str = 'images',
) -> None:
    """Accuracy against confidence with the gap between them, over a histogram of the confidences.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, figure 1.

    Args:
        path: Picture to write.
        edges: Edges of the M bins, ``(M + 1,)``.
        counts: Images in each, ``(M,)``.
        confidence: Mean confidence in each, ``(M,)``.
        accuracy: Share of right predictions in each, ``(M,)``.
        title: Title.
        outcome: What the confidence should be.
        unit: What is counted.
    """
    figure = Figure(figsize=(5.2, 6.8), layout='constrained')
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = counts > 0
    left, width, shares = edges[:-1][filled], np.diff(edges)[filled], counts[filled] / counts.sum()
    confidence, accuracy = confidence[filled], accuracy[filled]
    both = np.minimum(confidence, accuracy)
    bars = {'align': 'edge', 'edgecolor': 'white', 'linewidth': 0.8}
    top.bar(left, both, width, color=_ACCURACY, **bars)
    for name, gap, color in (
        (f'gap, {outcome} above confidence', accuracy - both, _ACCURACY),
        (f'gap, confidence above {outcome}', confidence - both, _CONFIDENCE),
    ):
        gap_bars = {**bars, 'edgecolor': color, 'facecolor': to_rgba(color, 0.25), 'hatch': '///'}
        wide = np.where(gap > 0, width, 0)  # no line where there is no gap
        top.bar(left, gap, wide, bottom=both, label=name, **gap_bars)
    top.plot([0, 1], [0, 1], color='black', linestyle='--', linewidth=1, label='calibrated')
    top.hlines(accuracy, left, left + width, color=_ACCURACY, linewidth=3, label=outcome)
    top.set(ylim=(0, 1.02), ylabel=outcome)

    bottom.bar(left, counts[filled], width, color=COLORS[0], **bars)
    for name, values, color in (
        ('mean confidence', confidence, _CONFIDENCE),
        (f'mean {outcome}', accuracy, _ACCURACY),
    ):
        mean = shares @ values
        bottom.axvline(mean, color=color, linestyle='--', linewidth=1.4, label=f'{name} {mean:.3f}')
    # Most images of a trained classifier are in the last bin; the others must be seen beside it.
    bottom.set_yscale('log')
    bottom.set(xlim=(0, 1), ylim=(0.5, None), xlabel='confidence', ylabel=unit)
    for axes in (top, bottom):
        axes.spines[['top', 'right']].set_visible(False)
    figure.legend(loc='outside lower center', ncols=2, frameon=False, fontsize=8)
    figure.suptitle(title)
    save_figure(figure, path)
