"""The report of a sweep: means and spreads of all settings, and their gains over the first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from .plots import plot_dots
from .results import markdown_table, paired_gains, run_state, shown, summarise_by, unfinished, write_files


def write_report(
    root: Path, experiment: Any, results: dict[str, dict], failures: dict[str, str], *, draw: bool = True
) -> str:
    """Writes `results.json`, `table.md` and `gains.png` into the work dir; see `results.py`.

    Args:
        root: The work dir.
        experiment: The sweep: `metric`, its name; `settings`, whose first one is what the others are compared
            with; `images`, the numbers of training images; `detector`, the config; and `cells()`, each with
            `name`, `setting`, `images` and `seed`.
        results: Results of the finished cells by name.
        failures: Messages of the failed ones by name.
        draw: Whether to draw the plot.

    Returns:
        The table. Settings without a finished cell are left out of it.
    """
    cells, rows = experiment.cells(), []
    for images in experiment.images:
        done = [cell for cell in cells if cell.images == images and cell.name in results]
        runs = pd.DataFrame(
            [(cell.setting, cell.seed, results[cell.name][experiment.metric]) for cell in done],
            columns=['setting', 'seed', 'value'],
        ).sort_values('seed')
        runs['gain'] = paired_gains(runs, 'setting', 'value', next(iter(experiment.settings)))
        for setting, found in summarise_by(runs, 'setting', experiment.settings).items():
            value, gain = found['value'], found['gain'] or {'values': [], 'mean': None, 'error': None}
            rows.append(
                {'setting': setting, 'images': images, 'seeds': found['seeds']}
                | {key: value[key] for key in ('values', 'mean', 'std')}
                | {'gains': gain['values'], 'gain': gain['mean'], 'gain_error': gain['error']}
            )
    states = [
        {'setting': cell.setting, 'images': cell.images, 'seed': cell.seed}
        | run_state(cell.name, Path(experiment.detector), root, results, failures)
        for cell in cells
    ]
    text = _markdown(experiment, rows) + unfinished([cell.name for cell in cells], results, failures)
    write_files(root, {'metric': experiment.metric, 'rows': rows, 'cells': states}, text)
    if draw and any(row['gains'] for row in rows):
        _plot(root / 'gains.png', experiment, rows)
    return text


def _markdown(experiment: Any, rows: list[dict[str, Any]]) -> str:
    baseline, images = next(iter(experiment.settings)), sorted(experiment.images)
    columns = ['setting', *(f'{key} {count}' for count in images for key in ('value', 'gain'))]
    table = {name: {**dict.fromkeys(columns, ''), 'setting': name} for name in experiment.settings}
    for row in rows:
        gain = {'mean': row['gain'], 'error': row['gain_error']} if row['gains'] else None
        table[row['setting']][f'value {row["images"]}'] = shown(row)
        table[row['setting']][f'gain {row["images"]}'] = shown(gain, spread='error', sign='+')
    found = {baseline, *(row['setting'] for row in rows)}
    headers = ['setting', *(text for count in images for text in (f'{count} images', 'gain'))]
    about = (
        f'{experiment.metric}: mean ± standard deviation over seeds; gain over "{baseline}", seed by seed: '
        'mean ± standard error.'
    )
    shown_rows = [line for name, line in table.items() if name in found]
    return f'{about}\n\n{markdown_table(shown_rows, headers)}\n'


def _plot(path: Path, experiment: Any, rows: list[dict[str, Any]]) -> None:
    baseline, *settings = experiment.settings
    panels: dict[str, dict[str, list[float]]] = {
        f'{n} training images': {} for n in sorted(experiment.images)
    }
    for row in rows:
        if row['gains']:
            panels[f'{row["images"]} training images'][row['setting']] = row['gains']
    names = [name for name in settings if any(name in panel for panel in panels.values())]
    plot_dots(path, names, {f'gain in {experiment.metric} over "{baseline}"': panels}, gains=True)
