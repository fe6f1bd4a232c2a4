"""Measures the variance of the stochastic gradient of multi-mix against its number of factors K.

Shen et al. (arXiv 2406.01417) train K interpolations of one pair, which lowers the variance of the gradient.
The factors are independent given the mini-batch of pairs, so the law of total variance says by how much:

    Var(K) = Var(E[g | pairs]) + E[Var(g | pairs)] / K.

A tiny ResNet learns digits with input mixup. At a few points of its training the weights are held, batch norm
at its running statistics, and the variance (the trace of the covariance, summed over all parameters) is
measured twice: of gradients with K factors, and its two parts with K = 1. K factors cost K forward and
backward passes, for which K mini-batches could be had instead: their variance, Var(1) / K, is drawn as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from mmdet.registry import DATASETS, MODELS
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import Tensor
from torch.utils.data import DataLoader

import mmdet_multimix  # noqa: F401
from mmdet_multimix.checks.config_file import read_config
from mmdet_multimix.utils.files import write_text
from mmdet_multimix.utils.one_line import InputError
from mmdet_multimix.visualization.plots import COLORS, save_figure


@dataclass(frozen=True)
class Settings:
    """What is measured, and where.

    Attributes:
        config: Config of a method with factors ``K``.
        epochs: After which the variance is measured.
        factors: Values of ``K``.
        repeats: Mini-batches measured at each point, at least 2.
        batch_size: Pairs of a measured mini-batch, at least 2.
        seed: Of the weights, the mini-batches and the factors.
    """

    config: Path
    epochs: Sequence[int] = (1, 6, 20)
    factors: Sequence[int] = (1, 2, 3, 5, 8)
    repeats: int = 64
    batch_size: int = 8
    seed: int = 0

    def as_dict(self) -> dict:
        """The settings as they are reported."""
        return {**asdict(self), 'config': self.config.name}


def gradient(model, K: int, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of all parameters, one vector, with K factors drawn anew."""
    model.method.K = K
    loss, _ = model.parse_losses(model.loss(images, labels))
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


def deviations(samples: Tensor) -> Tensor:
    """Of samples (s, parameters) the s numbers whose mean is the trace of their covariance, unbiased."""
    s = len(samples)
    return (samples - samples.mean(0)).double().square().sum(1) * s / (s - 1)


def ratio(ours: Tensor, reference: Tensor) -> tuple[float, float]:
    """Ratio of two variances of the same mini-batches, and its standard error (delta method)."""
    value = ours.mean() / reference.mean()
    error = (ours - value * reference).std() / len(ours) ** 0.5 / reference.mean()
    return value.item(), error.item()


def two_parts(model, batches, draws: int = 4) -> tuple[float, float]:
    """Var(E[g | pairs]) and E[Var(g | pairs)] with K = 1, both unbiased."""
    means, within = [], 0.0
    for images, labels in batches:
        samples = torch.stack([gradient(model, 1, images, labels) for _ in range(draws)])
        means.append(samples.mean(0))
        within += deviations(samples).mean().item() / len(batches)
    return deviations(torch.stack(means)).mean().item() - within / draws, within


def measure(model, batches, factors: list[int], epoch: int) -> dict:
    """All variances with the weights as they are, batch norm in evaluation mode."""
    model.eval()
    between, within = two_parts(model, batches)
    one, measured = None, {}
    for K in dict.fromkeys([1, *factors]):
        squares = deviations(torch.stack([gradient(model, K, *batch) for batch in batches]))
        one = squares if one is None else one
        share, error = ratio(squares, one)
        theory = (between + within / K) / (between + within)
        measured[K] = dict(variance=squares.mean().item(), ratio=share, standard_error=error, theory=theory)
        print(
            f'epoch {epoch}, K = {K}: variance {squares.mean():.4g}, {share:.3f} ± {error:.3f} of K = 1, '
            f'theory {theory:.3f}',
            flush=True,
        )
    model.train()
    return dict(epoch=epoch, between_pairs=between, within_pairs=within, by_factors=measured)


def train_and_measure(settings: Settings) -> list[dict]:
    """Train, and measure whenever one of the epochs is over."""
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    torch.manual_seed(settings.seed)
    cfg = read_config(settings.config)
    if 'K' not in (cfg.get('model') or {}).get('method', {}):
        raise InputError(f'--config {settings.config} has no method with factors K')
    model = MODELS.build(cfg.model)
    model.init_weights()
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    loader = DataLoader(dataset, cfg.train_dataloader.batch_size, shuffle=True, drop_last=True)

    # The same mini-batches for all K and at all points; only the factors are drawn anew.
    size = settings.batch_size * settings.repeats
    fixed = DataLoader(dataset, size, sampler=torch.randint(len(dataset), (size,)).tolist())
    pool = model.data_preprocessor(next(iter(fixed)))
    parts = (pool[name].split(settings.batch_size) for name in ('inputs', 'gt_label'))
    batches = list(zip(*parts, strict=True))
    results = []
    for epoch in range(1, max(settings.epochs) + 1):
        model.method.K = 1
        for batch in loader:
            logs = model.train_step(batch, optimizer)
        print(f'epoch {epoch} trained, loss {logs["loss"].item():.3f}', flush=True)
        if epoch in settings.epochs:
            results.append(measure(model, batches, sorted(set(settings.factors)), epoch))
    return results


def plot(path: Path, results: list[dict]) -> None:
    """Measured points with two standard errors, the theory as a line, relative to K = 1."""
    figure = Figure(figsize=(1.2 + 3.4 * len(results), 3.6), layout='constrained')
    for axes, result in zip(figure.subplots(1, len(results), squeeze=False)[0], results, strict=True):
        by_factors = result['by_factors']
        pairs = result['between_pairs'] / (result['between_pairs'] + result['within_pairs'])
        ks = torch.linspace(1, max(by_factors), 100)
        axes.plot(ks, pairs + (1 - pairs) / ks, label='theory', color=COLORS[1])
        axes.plot(ks, 1 / ks, '--', label='K mini-batches instead', color=COLORS[0])
        axes.axhline(pairs, linestyle=':', label='pairs alone', color=COLORS[2])
        axes.errorbar(
            list(by_factors),
            [m['ratio'] for m in by_factors.values()],
            [2 * m['standard_error'] for m in by_factors.values()],
            fmt='o', capsize=4, label='measured, 2 s.e.', color=COLORS[7],
        )  # fmt: skip
        axes.set(xlabel='factors K of each pair', title=f'after epoch {result["epoch"]}', ylim=(0, None))
        axes.spines[['top', 'right']].set_visible(False)
        if result is results[0]:
            axes.set_ylabel('variance of the gradient,\nrelative to K = 1')
            axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def write(out: Path, settings: Settings, results: list[dict]) -> list[Path]:
    """Write the numbers and the plot; returns their files."""
    report = dict(settings=settings.as_dict(), torch=torch.__version__, results=results)
    numbers, picture = out / 'gradient_variance.json', out / 'gradient_variance.png'
    write_text(numbers, json.dumps(report, indent=1) + '\n')
    plot(picture, results)
    return [numbers, picture]
