"""The report of a sweep: means and spreads of all settings, and their gains over the first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from .experiment_file import many
from .measures import add_changes, headers, summaries, texts
from .plots import plot_dots
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


def write_report(
    root: Path, experiment: Any, results: dict[str, dict], failures: dict[str, str], *, draw: bool = True
) -> str:
    """Writes `results.json`, `table.md` and `changes.png` into the work dir; see `results.py`.

    Args:
        root: The work dir.
        experiment: The sweep: `metric`, its name; `settings`, whose first one is what the others are compared
            with; `images`, the numbers of training images; `detector`, the config; `measures`, what else was
            measured; and `cells()`, each with `name`, `setting`, `images` and `seed`.
        results: Results of the finished cells by name.
        failures: Messages of the failed ones by name.
        draw: Whether to draw the plot.

    Returns:
        The table. Settings without a finished cell are left out of it.
    """
    cells, rows, measures = experiment.cells(), [], experiment.measures
    for images in experiment.images:
        done = [cell for cell in cells if cell.images == images and cell.name in results]
        runs = pd.DataFrame(
            [{**results[cell.name], 'setting': cell.setting, 'seed': cell.seed} for cell in done],
            columns=['setting', 'seed', experiment.metric, *measures.columns.values()],
        ).sort_values('seed')
        baseline = next(iter(experiment.settings))
        runs['gain'] = paired_gains(runs, 'setting', experiment.metric, baseline)
        add_changes(runs, 'setting', measures, baseline)
        for setting, found in summarise_by(runs, 'setting', experiment.settings).items():
            # A metric may be NaN, as that of a class without an object.
            value = found[experiment.metric] or {'values': [], 'mean': None, 'std': None}
            gain = found['gain'] or {'values': [], 'mean': None, 'error': None}
            rows.append(
                {'setting': setting, 'images': images, 'seeds': found['seeds']}
                | {key: value[key] for key in ('values', 'mean', 'std')}
                | {'gains': gain['values'], 'gain': gain['mean'], 'gain_error': gain['error']}
                | {'measures': summaries(found, measures)}
            )
    states = [
        {'setting': cell.setting, 'images': cell.images, 'seed': cell.seed}
        | run_state(cell.name, Path(experiment.detector), root, results, failures)
        for cell in cells
    ]
    note = processes_note(results.get(cell.name, {}) for cell in cells)
    text = _markdown(experiment, rows, note) + unfinished([cell.name for cell in cells], results, failures)
    write_files(root, {'metric': experiment.metric, 'rows': rows, 'cells': states}, text)
    if draw and any(row['gains'] for row in rows):
        _plot(root / 'changes.png', experiment, rows)
    return text


def _markdown(experiment: Any, rows: list[dict[str, Any]], note: str) -> str:
    baseline = next(iter(experiment.settings))
    about = (
        f'{experiment.metric}: mean ± standard deviation over seeds, on the test set; gain over '
        f'"{baseline}", seed by seed: mean ± standard error.'
    )
    parts = [' '.join(filter(None, (about, experiment.measures.note(), note)))]
    own = {'setting': 'setting', 'seeds': 'seeds', 'value': experiment.metric, 'gain': 'gain'}
    for images in sorted(experiment.images):
        table = []
        for row in (row for row in rows if row['images'] == images):
            gain = {'mean': row['gain'], 'error': row['gain_error']} if row['gains'] else None
            line = {
                'setting': row['setting'],
                'seeds': str(len(row['seeds'])),
                'value': shown(row if row['values'] else None),
            }
            line |= {'gain': shown(gain, spread='error', sign='+'), **texts(row['measures'])}
            table.append(line)
        parts.append(f'## {many(images, "training image")}')
        columns = own | headers(experiment.measures)
        parts.append(markdown_table(table, columns) if table else 'No cell is done yet.')
    return '\n\n'.join(parts) + '\n'


def _plot(path: Path, experiment: Any, rows: list[dict[str, Any]]) -> None:
    """A row of panels for each number of images: the metric, and beside it what else was measured."""
    baseline, *settings = experiment.settings
    panels: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in sorted(rows, key=lambda row: row['images']):
        changes = {experiment.metric: row['gains']}
        for label in experiment.measures.without_fit:
            found = row['measures'][label]
            changes[label] = found['change']['values'] if found and found['change'] else []
        line = panels.setdefault(many(row['images'], 'training image'), {})
        for label, values in changes.items():
            line.setdefault(label, {})[row['setting']] = values
    names = [name for name in settings if any(row['gains'] for row in rows if row['setting'] == name)]
    plot_dots(path, names, panels, title=f'change from "{baseline}", seed by seed', gains=True)
