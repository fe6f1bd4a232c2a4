"""Writes what was measured: ``report.json``, ``report.md`` and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..visualization import plot_embeddings, plot_ood_scores, plot_reliability
from .report_files import bins_as_rows, facts_as_list, write_report_files
from .suite import Results

# A t-SNE of more images shows no more, and takes minutes.
_DRAWN_IMAGES = 2000
_DRAWN_CLASSES = 20

_TITLES = {
    'accuracy': 'clean images',
    'calibration': 'calibration',
    'fgsm': 'FGSM',
    'pgd': 'PGD',
    'corruptions': 'corruptions',
    'embedding': 'embedding',
}
_NAMES = {
    'top1': 'top-1, %',
    'top5': 'top-5, %',
    'nll': 'negative log-likelihood, nats',
    'ece': 'ECE',
    'ece_temperature': 'ECE after temperature scaling, fitted on the other half',
    'alignment': 'alignment (lower is better)',
    'uniformity': 'uniformity (lower is better)',
    'tightness': 'class tightness (lower is better)',
    'spread': 'class spread (higher is better)',
}
_OOD = {
    'images': 'images',
    'detection_accuracy': 'detection accuracy, %',
    'auroc': 'AUROC, %',
    'aupr_in': 'AUPR in, %',
    'aupr_out': 'AUPR out, %',
}


def write_report(
    folder: str | Path, results: Results, facts: dict[str, Any], classes: Sequence[str], seed: int = 0
) -> list[Path]:
    """Write the report and its pictures.

    Args:
        folder: Where it is written, created where needed. An earlier report there is replaced, and its
            pictures are removed.
        results: What was measured.
        facts: What it was measured on, for the head of the report.
        classes: Class names.
        seed: Seed of the choice of images that are drawn, where there are too many.

    Returns:
        The files, the report first.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _draw(folder, results, facts, classes, seed)
    measures = dict(results.measures)
    if results.reliability is not None:
        measures['calibration'] = {**measures['calibration'], 'bins': bins_as_rows(results.reliability)}
    page = markdown(results.measures, facts, [path.name for path in pictures])
    return [*write_report_files(folder, {**facts, 'measures': measures}, page), *pictures]


def markdown(measures: dict[str, dict], facts: dict[str, Any], pictures: Sequence[str] = ()) -> str:
    """The report as a page.

    Args:
        measures: For each measure its values by name.
        facts: What it was measured on.
        pictures: File names.
    """
    lines = ['# Evaluation', '', *facts_as_list(facts)]
    lines += ['', '| images | measure | value |', '|---|---|---|']
    for measure, title in _TITLES.items():
        values = measures.get(measure, {})
        if measure in ('fgsm', 'pgd'):
            title += _strength(values) if values else ''
        if measure == 'corruptions' and values:
            title = f'mean over {len(values["types"])} corruptions of {values["images"]} images'
        lines += [
            f'| {title} | {text} | {_number(values[name], text)} |'
            for name, text in _NAMES.items()
            if name in values
        ]
    if 'ood' in measures:
        lines += [
            '',
            f'| out of distribution | {" | ".join(_OOD.values())} |',
            '|---' * (len(_OOD) + 1) + '|',
        ]
        for name, values in measures['ood'].items():
            lines.append(
                f'| {name} | {" | ".join(_number(values[key], text) for key, text in _OOD.items())} |'
            )
    if 'corruptions' in measures:
        lines += _corruptions(measures['corruptions']['types'])
    for name in pictures:
        lines += ['', f'![{Path(name).stem}]({name})']
    return '\n'.join(lines) + '\n'


def _corruptions(types: dict[str, dict[str, float]]) -> list[str]:
    severities = list(next(iter(types.values())))
    lines = ['', f'| top-1, %, of | {" | ".join(f"severity {s}" for s in severities)} | mean |']
    lines.append('|---' * (len(severities) + 2) + '|')
    for name, row in types.items():
        values = [*row.values(), float(np.mean(list(row.values())))]
        lines.append(f'| {name} | {" | ".join(f"{value:.2f}" for value in values)} |')
    return lines


def _strength(values: dict[str, float]) -> str:
    text = f' of {values["images"]} images, eps {255 * values["eps"]:.3g}/255'
    if 'steps' in values:
        text += f', {values["steps"]} steps of {255 * values["step"]:.3g}/255'
    return text


def _number(value: float, name: str) -> str:
    if isinstance(value, int):
        return str(value)
    return 'n/a' if math.isnan(value) else f'{value:.2f}' if name.endswith('%') else f'{value:.4f}'


def _draw(folder: Path, results: Results, facts: dict, classes: Sequence[str], seed: int) -> list[Path]:
    pictures = {name: folder / f'{name}.png' for name in ('reliability', 'ood', 'embedding')}
    for path in pictures.values():
        path.unlink(missing_ok=True)
    title = Path(str(facts.get('config', ''))).stem
    if results.reliability is not None:
        bins = results.reliability
        plot_reliability(
            pictures['reliability'],
            *(x.cpu().numpy() for x in (bins.edges, bins.counts, bins.confidence, bins.accuracy)),
            title=f'{title}\nECE {bins.ece:.4f}',
        )
    if results.scores:
        outside = {name: scores for name, scores in results.scores.items() if name}
        captions = {name: f'AUROC {results.measures["ood"][name]["auroc"]:.1f} %' for name in outside}
        plot_ood_scores(pictures['ood'], results.scores[''], outside, captions, title=title)
    if results.features is not None:
        _draw_embedding(pictures['embedding'], results, classes, title, seed)
    return [path for path in pictures.values() if path.exists()]


def choose_drawn(labels: np.ndarray, c: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Choose the images and the classes that a t-SNE shows.

    Args:
        labels: ``(N,)``.
        c: Number of classes.
        seed: Seed of the choice where there are too many images.

    Returns:
        Sorted indices of images, 2000 at most, and sorted classes, 20 at most, spread evenly over all.
    """
    shown = np.linspace(0, c - 1, min(c, _DRAWN_CLASSES)).round().astype(int)
    chosen = np.flatnonzero(np.isin(labels, shown))
    if len(chosen) > _DRAWN_IMAGES:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, _DRAWN_IMAGES, replace=False))
    return chosen, shown


def _draw_embedding(path: Path, results: Results, classes: Sequence[str], title: str, seed: int) -> None:
    """Draw a t-SNE, but for too few images, or images that are all the same."""
    chosen, shown = choose_drawn(results.labels, len(classes), seed)
    features, labels = results.features[chosen], results.labels[chosen]
    if len(features) < 4 or np.ptp(features, axis=0).max() == 0:
        return
    what = f't-SNE, {len(features)} of {len(results.labels)} images'
    if len(features) == len(results.labels):
        what = 't-SNE, all images'
    elif len(shown) < len(classes):
        what += f', {len(shown)} of {len(classes)} classes'
    names = [classes[label] for label in shown]
    plot_embeddings(path, {what: features}, np.searchsorted(shown, labels), names, title=title)
