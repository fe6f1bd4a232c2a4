"""What came out of a sweep: a table of means, spreads and gains over the first setting, seed by seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mmdet_multimix.visualization.plots import COLORS, save_figure

from .results import replace_text, summarise

Values = dict[tuple[str, int, int], float]


def write_report(root: Path, experiment: Any, results: dict[str, dict], failures: dict[str, str]) -> str:
    """Writes `results.json`, `table.md` and `gains.png` into `root`; returns the table."""
    metric, settings, images = experiment.metric, list(experiment.settings), list(experiment.images)
    values = {
        (cell.setting, cell.images, cell.seed): results[cell.name][metric]
        for cell in experiment.cells()
        if cell.name in results
    }
    rows = [_row(setting, settings[0], count, values) for count in images for setting in settings]
    rows = [row for row in rows if row['values']]
    shown = {settings[0], *(row['setting'] for row in rows)}
    settings = [name for name in settings if name in shown]
    text = _markdown(metric, settings, sorted(images), rows)
    if True:
        replace_text(root / 'results.json', json.dumps({'metric': metric, 'rows': rows}, indent=1) + '\n')
        replace_text(root / 'table.md', text)
        if any(row['gain'] is not None for row in rows):
            _plot(root / 'gains.png', metric, settings, sorted(images), rows)
    return text


def _row(setting: str, first: str, images: int, values: Values) -> dict:
    mine = {seed: value for (name, n, seed), value in values.items() if (name, n) == (setting, images)}
    # Runs of one seed share backbone and order of images: their difference varies less than they do.
    pairs = {
        seed: mine[seed] - values[first, images, seed] for seed in mine if (first, images, seed) in values
    }
    found = summarise([mine[seed] for seed in sorted(mine)]) or {}
    gains = summarise([pairs[seed] for seed in sorted(pairs)] if setting != first else []) or {}
    return {
        'setting': setting,
        'images': images,
        'seeds': sorted(mine),
        'values': found.get('values', []),
        'mean': found.get('mean'),
        'std': found.get('std'),
        'gains': gains.get('values', []),
        'gain': gains.get('mean'),
        'gain_error': gains.get('error'),
    }


def _markdown(metric: str, settings: list[str], images: list[int], rows: list[dict]) -> str:
    by_place = {(row['setting'], row['images']): row for row in rows}
    head = ' | '.join(f'{count} images | gain' for count in images)
    lines = [
        f'{metric}: mean ± standard deviation over seeds; gain over "{settings[0]}", seed by seed: mean ± '
        'standard error.',
        '',
        f'| setting | {head} |',
        '|---' * (1 + 2 * len(images)) + '|',
    ]
    for setting in settings:
        cells = []
        for count in images:
            row = by_place.get((setting, count))
            cells.append(_with_spread(row, 'mean', 'std') if row else '')
            cells.append(_with_spread(row, 'gain', 'gain_error', '+') if row and row['gains'] else '')
        lines.append(f'| {setting} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _with_spread(row: dict, key: str, spread: str, sign: str = '') -> str:
    text = f'{row[key]:{sign}.3f}'
    return text if row[spread] is None else f'{text} ± {row[spread]:.3f}'


def _plot(path: Path, metric: str, settings: list[str], images: list[int], rows: list[dict]) -> None:
    """One panel for each number of images: the mean gain of every setting, its error, a dot per seed."""
    figure = Figure(figsize=(3.2 + 2.9 * len(images), 1.2 + 0.36 * len(settings)), layout='constrained')
    panels = figure.subplots(1, len(images), sharey=True, squeeze=False)[0]
    names = settings[1:]
    for axes, count in zip(panels, images, strict=True):
        axes.axvline(0, color='black', linewidth=1)
        for y, name in enumerate(names):
            row = next((r for r in rows if (r['setting'], r['images']) == (name, count)), None)
            if row is None or not row['gains']:
                continue
            color = COLORS[1 + y % (len(COLORS) - 1)]
            axes.scatter(row['gains'], [y] * len(row['gains']), s=14, color=color, alpha=0.45)
            axes.errorbar(row['gain'], y, xerr=row['gain_error'], fmt='o', color=color, capsize=4)
        axes.set_title(f'{count} training images')
        axes.locator_params(axis='x', nbins=5)
        axes.grid(axis='x', alpha=0.3)
        axes.spines[['top', 'right']].set_visible(False)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel(f'gain in {metric} over "{settings[0]}" (dot: a seed; whisker: standard error)')
    save_figure(figure, path)
