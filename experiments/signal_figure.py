"""How much of a mixed loss tells examples apart: theory and measurement, as a picture.

Shape letters: b examples, n tuples, c classes.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from mmdet_multimix.ops import gradient_signal, mixed_cross_entropy, sample_weights
from mmdet_multimix.utils.provenance import versions
from mmdet_multimix.visualization.plots import COLORS, save_figure

CLASSES = 10
BATCHES = (4, 8, 16, 32, 64, 128, 256, 512)
MARGINS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
BATCH = 128  # of the panels over the margin
TUPLES = 4000
STRENGTHS: dict[str, dict[str, Any]] = {
    "the paper's alpha, U[0.5, 2]": dict(alpha=(0.5, 2.0)),
    'alpha U[0.02, 0.2]': dict(alpha=(0.02, 0.2)),
    'ess 10': dict(ess=10.0),
    'ess 3': dict(ess=3.0),
    'ess 2': dict(ess=2.0),
}


def mean_square(b: int, alpha: float | tuple[float, float] | None = None, ess: float | None = None) -> float:
    """The expectation of Σλ² over a tuple of b examples."""
    if ess is not None:
        return 1 / min(ess, b)
    low, high = alpha if isinstance(alpha, tuple) else (alpha, alpha)
    if low == high:
        return (low + 1) / (b * low + 1)
    # The mean over alpha of (alpha + 1) / (b alpha + 1) = 1/b + (1 - 1/b) / (b alpha + 1).
    mean = math.log((b * high + 1) / (b * low + 1)) / (b * (high - low))
    return 1 / b + (1 - 1 / b) * mean


def theory(b: int, **strength: Any) -> float:
    """The signal of cross-entropy at small logits, (b E[Σλ²] - 1) / (b - 1)."""
    return (b * mean_square(b, **strength) - 1) / (b - 1)


def gradients(logits: Tensor, labels: Tensor, strength: dict[str, Any], seed: int) -> tuple[Tensor, Tensor]:
    """Of the mixed loss and of cross-entropy for the logits, ``(b, c)`` both."""
    logits = logits.clone().requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    rows = sample_weights(TUPLES, len(logits), generator=generator, dtype=logits.dtype, **strength)
    mixed = torch.autograd.grad(mixed_cross_entropy(logits, labels, rows), logits)[0]
    return mixed, torch.autograd.grad(F.cross_entropy(logits, labels), logits)[0]


def labelled(b: int) -> Tensor:
    """Labels of a mini-batch, as often as a random draw has them."""
    return torch.randint(CLASSES, (b,), generator=torch.Generator().manual_seed(0))


def pull_apart(gradient: Tensor, labels: Tensor) -> float:
    """What a step against the gradient adds to the labels' logits; 1 for cross-entropy of zeros."""
    apart = F.one_hot(labels, CLASSES).to(gradient.dtype)
    apart = apart - apart.mean(dim=0)
    return float(-len(labels) * (gradient * apart).sum() / apart.square().sum())


def measure() -> dict[str, Any]:
    """All that is drawn."""
    sizes: dict[str, list[float]] = {}
    apart: dict[str, list[float]] = {}
    common: dict[str, list[float]] = {}
    labels = labelled(BATCH)
    eye = F.one_hot(labels, CLASSES).double()
    for name, strength in STRENGTHS.items():
        sizes[name] = [
            float(
                gradient_signal(*gradients(torch.zeros(b, CLASSES).double(), labelled(b), strength, seed=1))
            )
            for b in BATCHES
        ]
        pairs = [gradients(margin * eye, labels, strength, seed=2) for margin in MARGINS]
        apart[name] = [pull_apart(mixed, labels) for mixed, _ in pairs]
        common[name] = [
            float((mixed.mean(0) * own.mean(0)).sum() / own.mean(0).square().sum()) for mixed, own in pairs
        ]
    plain = [gradients(margin * eye, labels, dict(alpha=1.0), seed=2)[1] for margin in MARGINS]
    apart['cross-entropy'] = [pull_apart(own, labels) for own in plain]
    return {
        'classes': CLASSES,
        'tuples': TUPLES,
        'batches': list(BATCHES),
        'signal': sizes,
        'theory': {name: [theory(b, **s) for b in BATCHES] for name, s in STRENGTHS.items()},
        'batch': BATCH,
        'margins': list(MARGINS),
        'pull_apart': apart,
        'common': common,
        'versions': versions(),
    }


def draw(path: str | Path, found: dict[str, Any]) -> None:
    """Draws what :func:`measure` gives."""
    figure = Figure(figsize=(14.5, 4.6), layout='constrained')
    size, margin, common = figure.subplots(1, 3)
    for name, color in zip(STRENGTHS, COLORS[1:], strict=False):
        size.plot(found['batches'], _positive(found['theory'][name]), color=color, label=name)
        size.plot(found['batches'], _positive(found['signal'][name]), 'o', color=color)
        margin.plot(found['margins'], found['pull_apart'][name], 'o-', color=color, markersize=4)
        common.plot(found['margins'], _positive(found['common'][name]), 'o-', color=color, markersize=4)
    ce = found['pull_apart']['cross-entropy']
    margin.plot(found['margins'], ce, 'k--', label='cross-entropy, unmixed')
    size.set(xscale='log', yscale='log', ylim=(8e-4, 1.2))
    size.set_xticks(found['batches'], [str(b) for b in found['batches']])
    size.minorticks_off()
    _label(size, 'examples that are mixed, b', 'signal: share of the gradient of cross-entropy')
    size.set_title('An untrained classifier\n(lines: theory, dots: measured)')
    margin.set_yscale('symlog', linthresh=1e-3)
    margin.set_ylim(-0.3, 1.5)
    margin.axhline(0, color='grey', linewidth=0.8)
    _label(margin, "margin: the label's logit above the others", 'pull apart (1: cross-entropy at margin 0)')
    margin.set_title(f'What tells the examples apart, b = {found["batch"]}\n(below 0: the margin shrinks)')
    common.set(yscale='log')
    _label(common, "margin: the label's logit above the others", 'common part, over that of cross-entropy')
    common.set_title(
        f'What moves all examples alike, b = {found["batch"]}\n(towards the prior of the classes)'
    )
    handles = [*size.get_legend_handles_labels()[0], *margin.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc='outside lower center', ncols=6)
    save_figure(figure, path)


def _positive(values: list[float]) -> list[float]:
    """What has no logarithm is left out: a uniform tuple has no signal, a common part may turn round."""
    return [value if value > 0 else math.nan for value in values]


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)


def plot_signal(path: str | Path) -> None:
    """Measures, and writes the picture and its figures beside it as JSON."""
    found = measure()
    draw(path, found)
    Path(path).with_suffix('.json').write_text(json.dumps(found, indent=1) + '\n')
