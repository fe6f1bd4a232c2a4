"""What came out of a comparison: `results.json`, `table.md` and plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .comparison import Comparison
from .comparison_cells import choice
from .comparison_plots import plot_methods, plot_reliabilities, plot_trade
from .results import replace_text, run_state, summarise

COST_FILE = 'cost.json'
# Of each measure: what the table calls it, its digits, and whether more of it is better.
COLUMNS = {
    'error': ('error, %', 2, False),
    'error_best': ('at the best epoch, %', 2, False),
    'ece': ('ECE', 3, False),
    'nll': ('NLL', 3, False),
    'fgsm': ('FGSM error, %', 1, False),
    'pgd': ('PGD error, %', 1, False),
    'ood': ('OOD AUROC, %', 1, True),
    'alignment': ('alignment', 3, False),
    'uniformity': ('uniformity', 3, False),
}
_ABOUT = (
    'Mean ± standard deviation over seeds, on the test set. Errors are those of the last epoch but where the '
    'column says otherwise; the best epoch is that of the test set, as in the papers. AUROC is the mean over '
    'the sets from outside. Bold leads the next best by more than the larger standard deviation of the two. '
)
_COST = (
    'Time and memory of a training step, without loading, relative to {baseline}: median of {repetitions} '
    'interleaved repetitions, and the peak beyond the model and the batch ({device}, {threads} threads). '
)


def write_report(
    root: Path,
    comparison: Comparison,
    results: dict[str, dict],
    failures: dict[str, str],
    *,
    draw: bool = True,
) -> str:
    """Writes `results.json`, `table.md` and plots into the work dir; returns the table.

    Args:
        comparison: The experiment.
        results: Of the cells that are done, by name.
        root: The work dir, which has `cost.json` where the cost was measured.
        failures: Messages of the jobs that failed, by name.
        draw: Whether to draw the plots, which takes seconds.
    """
    if True:
        chosen = {name: choice(comparison, m, results) for name, m in comparison.methods.items()}
        cost_file = root / COST_FILE
        cost = json.loads(cost_file.read_text()) if cost_file.exists() else {}
        rows = {count: _rows(comparison, count, results, cost) for count in comparison.images_per_class}
        report = {
            'experiment': comparison.title,
            'baseline': comparison.baseline.name,
            'seeds': comparison.seeds,
            'chosen': chosen,
            'rows': [row for group in rows.values() for row in group],
            'cost': cost,
            **_states(comparison, root, results, failures or {}),
        }
        text = _markdown(comparison, rows, cost)
        replace_text(root / 'results.json', json.dumps(report, indent=1) + '\n')
        replace_text(root / 'table.md', text)
        if draw and any(rows.values()):
            _draw(comparison, root, rows)
    return text


def leaders(rows: list[dict[str, Any]], key: str, more_is_better: bool) -> set[str]:
    """The method that is best by more than the spread, or nobody.

    Its mean must lead that of the next best by more than the larger of their standard deviations. Without a
    spread, of a single seed, nobody leads.

    Args:
        rows: For each method `method` and under `measures` what :func:`summarise` gives.
        key: The measure.
        more_is_better: Whether more of it is.
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
    rows = []
    cells = [c for c in comparison.cells() if c.images_per_class == count and c.name in results]
    for method in comparison.methods.values():
        done = {cell.seed: results[cell.name] for cell in cells if cell.method is method}
        if not done:
            continue
        candidate = next(iter(done.values()))['candidate']
        measures = {
            key: summarise([result[key] for result in done.values() if result.get(key) is not None])
            for key in COLUMNS
        }
        spent = cost.get('methods', {}).get(method.name, {})
        rows.append(
            {
                'method': method.name,
                'images': comparison.num_images(count),
                'images_per_class': count,
                'candidate': candidate,
                'seeds': sorted(done),
                'measures': measures,
                'bins': _pooled([result['bins'] for result in done.values() if 'bins' in result]),
                # Another candidate of the same method may cost something else.
                'cost': spent if spent.get('candidate') == candidate else None,
                'seconds': summarise([result['seconds'] for result in done.values()]),
            }
        )
    return rows


def _pooled(diagrams: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The bins of all seeds as if their images were one set."""
    pooled = []
    for bins in zip(*diagrams, strict=True):
        images = sum(b['images'] for b in bins)
        means = {
            key: sum(b['images'] * b[key] for b in bins) / images if images else 0.0
            for key in ('confidence', 'accuracy')
        }
        pooled.append({'from': bins[0]['from'], 'to': bins[0]['to'], 'images': images, **means})
    return pooled


def _states(comparison: Comparison, root: Path, results: dict, failures: dict) -> dict[str, list[dict]]:
    def state(job: Any, about: dict[str, Any]) -> dict[str, Any]:
        whole = run_state(job.name, job.method.config, root, results, failures)
        whole.pop('bins', None)
        return {'method': job.method.name, **about, 'seed': job.seed, **whole}

    return {
        'tuning': [state(trial, {'candidate': trial.candidate}) for trial in comparison.trials()],
        'final': [state(cell, {'images_per_class': cell.images_per_class}) for cell in comparison.cells()],
    }


def _markdown(comparison: Comparison, rows: dict[int, list[dict]], cost: dict) -> str:
    about = _ABOUT
    if cost:
        about += _COST.format(baseline=cost['baseline'], repetitions=cost['repetitions'], **cost['machine'])
    lines = [f'# {comparison.title}', '', about.strip()]
    for count, group in rows.items():
        lines += ['', f'## {comparison.num_images(count)} training images', '']
        if not group:
            lines.append('Nothing is done yet.')
            continue
        shown = {k: v for k, v in COLUMNS.items() if any(row['measures'][k] for row in group)}
        best = {key: leaders(group, key, more) for key, (_, _, more) in shown.items()}
        head = ['method', 'seeds', *(label for label, _, _ in shown.values())]
        head += ['time', 'memory'] if cost else []
        lines += [_line([*head, 'chosen']), '|---' * (len(head) + 1) + '|']
        for row in group:
            fields = [row['method'], str(len(row['seeds']))]
            for key, (_, digits, _) in shown.items():
                text = _with_spread(row['measures'][key], digits)
                fields.append(f'**{text}**' if row['method'] in best[key] else text)
            if cost:
                spent = row['cost'] or {}
                fields += [f'{spent[key]:.2f}x' if spent.get(key) else '' for key in ('time', 'memory')]
            lines.append(_line([*fields, row['candidate']]))
    return '\n'.join(lines) + '\n'


def _line(fields: list[str]) -> str:
    return f'| {" | ".join(fields)} |'


def _with_spread(summary: dict | None, digits: int) -> str:
    if summary is None:
        return ''
    text = f'{summary["mean"]:.{digits}f}'
    return text if summary['std'] is None else f'{text} ± {summary["std"]:.{digits}f}'


def _draw(comparison: Comparison, root: Path, rows: dict[int, list[dict]]) -> None:
    names = list(comparison.methods)
    groups = {
        f'{comparison.num_images(count)} training images': {row['method']: row for row in group}
        for count, group in rows.items()
        if group
    }

    def values(key: str) -> dict[str, dict[str, list[float]]]:
        found = {}
        for title, group in groups.items():
            found[title] = {
                n: row['measures'][key]['values'] for n, row in group.items() if row['measures'][key]
            }
        return found

    shown = {COLUMNS[key][0]: values(key) for key in ('error', 'ece') if any(values(key).values())}
    plot_methods(root / 'methods.png', names, shown, title=comparison.title)
    if 'ECE' in shown:
        plot_trade(root / 'error_against_ece.png', names, *shown.values(), title=comparison.title)
        for count, group in rows.items():
            if group:
                bins = {row['method']: row['bins'] for row in group if row['bins']}
                images = comparison.num_images(count)
                path = root / f'reliability_{images}.png'
                plot_reliabilities(path, bins, title=f'{comparison.title}: {images} training images')
