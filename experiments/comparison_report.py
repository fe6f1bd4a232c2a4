"""The report of a comparison: `results.json`, `table.md` and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from .alignment import alignmixup_note
from .comparison import Comparison
from .comparison_cells import choice, step_of
from .overrides import read_config
from .plan import read_json
from .plots import plot_dots, plot_reliabilities, plot_trade
from .results import (
    markdown_table,
    paired_gains,
    processes_note,
    run_state,
    shown,
    summarise_by,
    unfinished,
    write_files,
)

COST_FILE = 'cost.json'
# Of each measure: what the table calls it, its digits, and whether more of it is better.
COLUMNS = {
    'error': ('error, %', 2, False),
    'error_best': ('at the best epoch, %', 2, False),
    'ece': ('ECE', 3, False),
    'nll': ('NLL', 3, False),
    'fgsm': ('FGSM error, %', 1, False),
    'pgd': ('PGD error, %', 1, False),
    'corruptions': ('error under corruptions, %', 1, False),
    'ood': ('OOD AUROC, %', 1, True),
    'alignment': ('alignment', 3, False),
    'uniformity': ('uniformity', 3, False),
}
# Of these the table has the change from the baseline.
_COMPARED = ('error', 'ece', 'nll')
# What stands in the first of two tables.
_MAIN = ('error', 'error_best', 'ece', 'nll')
_ABOUT = (
    'Mean ± standard deviation over seeds, on the test set; change from {baseline}, seed by seed: mean ± '
    'standard error. Errors are those of the last epoch unless the '
    'column says otherwise; the best epoch is that of the test set, as in the papers, and left out where a '
    'training validates on other images. AUROC is the mean over '
    'the out-of-distribution sets. A bold value is better than the next best one by more than the larger of '
    'their two standard deviations.'
)
_COST = (
    ' Time and memory of a training step, without loading, relative to {baseline}: median of {repetitions} '
    'interleaved repetitions, and the peak beyond the model and the batch ({device}, {threads} threads).'
)


def write_report(
    root: Path,
    comparison: Comparison,
    results: dict[str, dict],
    failures: dict[str, str],
    *,
    draw: bool = True,
) -> str:
    """Writes `results.json`, `table.md` and plots into the work dir; see `results.py`.

    The table has the cost of a step if :mod:`experiments.comparison_cost` has left it in `COST_FILE` there.
    """
    cost_file = root / COST_FILE
    cost = read_json(cost_file) if cost_file.exists() else {}
    rows = {count: _rows(comparison, count, results, cost) for count in comparison.images_per_class}
    trials, cells = comparison.trials(), comparison.cells()

    def state(run: Any, **about: Any) -> dict[str, Any]:
        whole = run_state(run.name, run.method.config, root, results, failures)
        whole.pop('bins', None)
        return {'method': run.method.name, **about, 'seed': run.seed, **whole}

    report = {
        'experiment': comparison.title,
        'baseline': comparison.baseline.name,
        'seeds': comparison.seeds,
        'chosen': {name: choice(comparison, m, results) for name, m in comparison.methods.items()},
        'rows': [row for group in rows.values() for row in group],
        'cost': cost,
        'tuning': [state(trial, candidate=trial.candidate) for trial in trials],
        'final': [state(cell, images_per_class=cell.images_per_class) for cell in cells],
    }
    notes = [_aligned(comparison, results), processes_note(results.get(cell.name, {}) for cell in cells)]
    text = _markdown(comparison, rows, cost, ' '.join(filter(None, notes)))
    text += unfinished([run.name for run in (*trials, *cells)], results, failures)
    write_files(root, report, text)
    if draw and any(rows.values()):
        _draw(comparison, root, rows)
    return text


def leaders(rows: list[dict[str, Any]], key: str, more_is_better: bool) -> set[str]:
    """The method that is best by more than the spread, or nobody.

    Its mean must lead that of the next best by more than the larger of their standard deviations. With a
    single seed there is no spread, and nobody leads.

    Args:
        rows: For each method `method` and under `measures` what :func:`summarise` gives.
        key: The measure.
        more_is_better: Whether more of it is better.
    """
    found = [(row['measures'][key], row['method']) for row in rows if row['measures'].get(key)]
    if len(found) < 2:
        return set()
    (first, name), (second, _) = sorted(found, key=lambda pair: pair[0]['mean'], reverse=more_is_better)[:2]
    if first['std'] is None or second['std'] is None:
        return set()
    lead = abs(first['mean'] - second['mean'])
    return {name} if lead > max(first['std'], second['std']) else set()


def _rows(comparison: Comparison, count: int, results: dict, cost: dict) -> list[dict[str, Any]]:
    """One dict for each method of which a cell with this number of images is done."""
    cells = [c for c in comparison.cells() if c.images_per_class == count and c.name in results]
    runs = pd.DataFrame(
        [{**results[cell.name], 'method': cell.method.name, 'seed': cell.seed} for cell in cells],
        columns=['method', 'seed', *COLUMNS, 'seconds'],
    )
    for key in _COMPARED:
        runs[f'{key}_change'] = paired_gains(runs, 'method', key, comparison.baseline.name)
    rows = []
    for method, found in summarise_by(runs, 'method', comparison.methods).items():
        mine = [results[cell.name] for cell in cells if cell.method.name == method]
        candidate = mine[0]['candidate']
        rows.append(
            {
                'method': method,
                'images': comparison.num_images(count),
                'images_per_class': count,
                'candidate': candidate,
                'seeds': found['seeds'],
                'measures': {key: found[key] for key in COLUMNS},
                'changes': {key: found[f'{key}_change'] for key in _COMPARED},
                'bins': _pooled([result['bins'] for result in mine if 'bins' in result]),
                'cost': _spent(comparison, cost, method, candidate),
                'seconds': found['seconds'],
            }
        )
    return rows


def _spent(comparison: Comparison, cost: dict, name: str, candidate: str) -> dict[str, Any] | None:
    """What a step costs, None where it, or the baseline's, was measured of something else than it is now."""
    spent = cost.get('methods', {}).get(name)
    # Another candidate of the same method may cost something else.
    if not spent or spent['candidate'] != candidate:
        return None
    for other in (name, cost['baseline']):
        method, entry = comparison.methods.get(other), cost['methods'][other]
        known = method is not None and entry['candidate'] in method.candidates
        # Files of earlier versions do not say what they are of.
        if 'of' in entry and not (known and entry['of'] == step_of(comparison, method, entry['candidate'])):
            return None
    return spent


def _pooled(diagrams: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The bins of all seeds as if their images were one set."""
    if not diagrams:
        return []
    bins, means = pd.concat(map(pd.DataFrame, diagrams)), ['confidence', 'accuracy']
    bins[means] = bins[means].mul(bins['images'], axis=0)
    pooled = bins.groupby(['from', 'to'], as_index=False).sum()
    pooled[means] = pooled[means].div(pooled['images'].clip(lower=1), axis=0)
    return pooled.to_dict('records')


def _aligned(comparison: Comparison, results: dict[str, dict]) -> str:
    """Where AlignMixup aligns: as chosen, or as in its first candidate as long as nothing is."""
    configs = {}
    for name, method in comparison.methods.items():
        candidate = choice(comparison, method, results) or next(iter(method.candidates))
        if method.config.is_file():
            options = {**comparison.options, **method.candidates[candidate]}
            configs[name] = read_config(method.config, options)
    return alignmixup_note(configs)


def _markdown(comparison: Comparison, rows: dict[int, list[dict]], cost: dict, notes: str) -> str:
    about = f'{_ABOUT.format(baseline=comparison.baseline.name)} {notes}'.strip()
    if cost:
        about += _COST.format(baseline=cost['baseline'], repetitions=cost['repetitions'], **cost['machine'])
    parts = [f'# {comparison.title}', about]
    for count, group in rows.items():
        parts.append(f'## {comparison.num_images(count)} training images')
        measured = {key for key in COLUMNS if any(row['measures'][key] for row in group)}
        best = {key: leaders(group, key, COLUMNS[key][2]) for key in measured}
        table = [_line(row, best, cost) for row in group]
        # What tells methods apart comes first; one table of all columns is too wide to read.
        columns = {'method': 'method', 'seeds': 'seeds'}
        for key in filter(measured.__contains__, _MAIN):
            columns |= {key: COLUMNS[key][0]} | ({f'{key}_change': 'change'} if key in _COMPARED else {})
        columns |= {key: key for key in (('time', 'memory', 'chosen') if cost else ('chosen',))}
        parts.append(markdown_table(table, columns) if table else 'Nothing is done yet.')
        if others := [key for key in COLUMNS if key in measured and key not in _MAIN]:
            parts.append(
                markdown_table(table, {'method': 'method'} | {key: COLUMNS[key][0] for key in others})
            )
    return '\n\n'.join(parts) + '\n'


def _line(row: dict[str, Any], best: dict[str, set[str]], cost: dict) -> dict[str, str]:
    """The texts of a method's row, by column."""
    line = {'method': row['method'], 'seeds': str(len(row['seeds'])), 'chosen': row['candidate']}
    for key, (_, digits, _) in COLUMNS.items():
        text = shown(row['measures'][key], digits)
        line[key] = f'**{text}**' if row['method'] in best.get(key, ()) else text
        line[f'{key}_change'] = shown(row['changes'].get(key), digits, spread='error', sign='+')
    for key in ('time', 'memory') if cost else ():
        line[key] = f'{row["cost"][key]:.2f}x' if row['cost'] and row['cost'].get(key) else ''
    return line


def _draw(comparison: Comparison, root: Path, rows: dict[int, list[dict]]) -> None:
    done = {row['method'] for group in rows.values() for row in group}
    names, title = [name for name in comparison.methods if name in done], comparison.title
    groups = {
        f'{comparison.num_images(count)} training images': group for count, group in rows.items() if group
    }

    def values(key: str) -> dict[str, dict[str, list[float]]]:
        return {
            images: {row['method']: row['measures'][key]['values'] for row in group if row['measures'][key]}
            for images, group in groups.items()
        }

    errors, calibration = values('error'), values('ece')
    measured = {'error, % (lower is better)': errors}
    if any(calibration.values()):
        measured['ECE (lower is better)'] = calibration
        plot_trade(root / 'error_against_ece.png', names, errors, calibration, title=title)
        for group in filter(None, rows.values()):
            images, bins = group[0]['images'], {row['method']: row['bins'] for row in group if row['bins']}
            path = root / f'reliability_{images}.png'
            plot_reliabilities(path, bins, title=f'{title}: {images} training images')
    plot_dots(root / 'methods.png', names, measured, title=title)
