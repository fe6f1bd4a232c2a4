"""Scores of images inside and outside of the training distribution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logit

from .plots import COLORS, save_figure

_BINS = 40
_COLUMNS = 3
_SUREST = 1 - 1e-12  # scores nearer to 1 are drawn here


def plot_ood_scores(
    path: str | Path,
    inside: np.ndarray,
    outside: dict[str, np.ndarray],
    captions: dict[str, str],
    *,
    title: str,
) -> None:
    """Histograms of the score, one panel a set of images from outside.

    Args:
        path: Picture to write.
        inside: Scores in [0, 1] of images from the distribution, ``(N,)``.
        outside: Scores of the others by the name of their set.
        captions: For each set what its panel says beside its name.
        title: Title.
    """
    # In log-odds: most scores of a trained classifier are so close to 1 that they would make a single bar.
    inside, outside = _log_odds(inside), {name: _log_odds(scores) for name, scores in outside.items()}
    everything = np.concatenate([inside, *outside.values()])
    edges = np.linspace(everything.min() - 0.1, everything.max() + 0.1, _BINS + 1)
    ticks = _ticks(edges[0], edges[-1])
    names = 'test set', 'out of distribution'
    figure = draw_histograms(inside, outside, captions, edges, names, title=title)
    for axes in figure.axes[: len(outside)]:
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.set_xlabel('maximum softmax probability')
    save_figure(figure, path)


def draw_histograms(
    inside: np.ndarray,
    outside: dict[str, np.ndarray],
    captions: dict[str, str],
    edges: np.ndarray,
    names: tuple[str, str],
    *,
    title: str,
) -> Figure:
    """A figure with a panel for each set of images from outside, and the images inside in all of them.

    Args:
        inside: Scores, ``(N,)``.
        outside: Scores of the others by the name of their set.
        captions: For each set what its panel says beside its name.
        edges: Of the bars.
        names: What the legend calls those inside, and the others.
        title: Title.
    """
    columns = min(_COLUMNS, len(outside))
    rows = -(-len(outside) // columns)
    figure = Figure(figsize=(0.6 + 4.2 * columns, 1.1 + 3.1 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, scores) in zip(grid.flat, outside.items(), strict=False):
        for label, values, color in zip(names, (inside, scores), (COLORS[1], COLORS[6]), strict=True):
            weights = np.full(len(values), 1 / len(values))
            axes.hist(values, edges, weights=weights, color=color, alpha=0.55, label=label)
        axes.set_title(f'{name}: {captions[name]}', fontsize=10)
        axes.tick_params(labelbottom=True)
        axes.spines[['top', 'right']].set_visible(False)
    for axes in grid.flat[len(outside) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel('share of images')
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside lower center', ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def _log_odds(scores: np.ndarray) -> np.ndarray:
    return logit(scores.clip(1 - _SUREST, _SUREST))


def _ticks(low: float, high: float) -> dict[float, str]:
    """Places in log-odds with the probability to write there, five of them at most."""
    nines = np.arange(1, 13)
    nines = nines[(logit(1 - 10.0**-nines) > low) & (logit(1 - 10.0**-nines) < high)]
    if len(nines) < 2:
        first, last = 1 / (1 + np.exp(-np.array([low, high])))
        chosen = np.linspace(first, last, 7)[1:-1]
        return {logit(p): f'{p:.3g}' for p in chosen}
    ticks = {0.0: '0.5'} if low < 0 else {}
    for k in nines[:: -(-len(nines) // 4)]:
        ticks[logit(1 - 10.0**-k)] = f'{1 - 10.0**-k:.{k}f}' if k < 5 else f'$1-10^{{-{k}}}$'
    return ticks
