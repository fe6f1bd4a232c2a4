"""The report of a transfer experiment: `results.json`, a table and a plot for each detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from .alignment import alignmixup_note
from .experiment_file import slug
from .measures import add_changes, headers, summaries, texts
from .overrides import read_config
from .plots import plot_dots
from .results import (
    markdown_table,
    paired_gains,
    processes_note,
    run_state,
    shown,
    summarise,
    summarise_by,
    unfinished,
    write_files,
)
from .transfer import Detector, TransferExperiment

PUBLISHED = '[P]'


def write_report(
    root: Path,
    experiment: TransferExperiment,
    results: dict[str, dict],
    failures: dict[str, str],
    *,
    draw: bool = True,
) -> str:
    """Writes `results.json`, `table.md` and `DETECTOR.png` into the experiment's folder; see `results.py`."""
    folder, cells = root / experiment.name, experiment.cells()
    rows = {name: _rows(experiment, value, results) for name, value in experiment.detectors.items()}
    backbones = {cell.pretraining: cell.method for cell in cells if cell.pretraining}
    report = {
        'experiment': experiment.title,
        'baseline': experiment.baseline,
        'seeds': experiment.seeds,
        'detectors': rows,
        'published': list(experiment.published),
        'cells': [
            {'method': c.method, 'detector': c.detector.name, 'seed': c.seed, 'pretraining': c.pretraining}
            | run_state(c.name, c.detector.config, root, results, failures)
            for c in cells
        ],
        'pretraining': [
            {'method': method, **run_state(name, experiment.methods[method], root, results, failures)}
            for name, method in backbones.items()
        ],
    }
    text = _markdown(experiment, rows, results)
    text += unfinished([*backbones, *(cell.name for cell in cells)], results, failures)
    write_files(folder, report, text)
    for name, detector in experiment.detectors.items():
        if draw and rows[name]:
            _plot(folder / f'{slug(name)}.png', experiment, detector, rows[name])
    return text


def _rows(
    experiment: TransferExperiment, detector: Detector, results: dict[str, dict]
) -> list[dict[str, Any]]:
    """One dict for each method of which a cell is done."""
    done = [cell for cell in experiment.cells() if cell.detector is detector and cell.name in results]
    runs = pd.DataFrame(
        [{**results[cell.name], 'method': cell.method, 'seed': cell.seed} for cell in done],
        columns=[
            *('method', 'seed', *dict.fromkeys(detector.metrics.values())),
            *(*experiment.measures.columns.values(), 'seconds'),
        ],
    )
    runs['gain'] = paired_gains(runs, 'method', detector.metric, experiment.baseline)
    add_changes(runs, 'method', experiment.measures, experiment.baseline)
    rows = []
    for method, found in summarise_by(runs, 'method', detector.methods).items():
        backbones = dict.fromkeys(cell.pretraining for cell in done if cell.method == method)
        tops = [results[name] for name in backbones if name in results]
        rows.append(
            {
                'method': method,
                'seeds': found['seeds'],
                **{key: summarise(result[key] for result in tops) for key in ('top1', 'top1_best')},
                'metrics': {label: found[key] for label, key in detector.metrics.items()},
                'gain': found['gain'],
                'measures': summaries(found, experiment.measures),
                'seconds': found['seconds'],
            }
        )
    return rows


def _markdown(experiment: TransferExperiment, rows: dict[str, list[dict]], results: dict[str, dict]) -> str:
    about = (
        f'Mean ± standard deviation over seeds; gain over {experiment.baseline}, seed by seed: mean ± '
        'standard error. Top-1 of the pretraining in percent, at the last epoch (at the best one).'
    )
    if note := experiment.measures.note():
        about += f'\n{note}'
    configs = {name: path for name, path in experiment.methods.items() if path and path.is_file()}
    if note := alignmixup_note({name: read_config(path, {}) for name, path in configs.items()}):
        about += f'\n{note}'
    if experiment.published:
        about += f'\n{PUBLISHED}: published figures, not measured here.'
    if note := processes_note(results.values()):
        about += f'\n{note}'
    parts = [f'# {experiment.title}', about]
    for name, detector in experiment.detectors.items():
        first, *others = detector.metrics
        own = ('pretraining', 'seeds', 'top-1', first, 'gain', *others)
        columns = {label: label for label in own} | headers(experiment.measures)
        table = [
            {
                'pretraining': row['method'],
                'seeds': str(len(row['seeds'])),
                'top-1': f'{row["top1"]["mean"]:.1f} ({row["top1_best"]["mean"]:.1f})' if row['top1'] else '',
                first: shown(row['metrics'][first]),
                'gain': shown(row['gain'], spread='error', sign='+'),
                **{label: shown(row['metrics'][label]) for label in others},
                **texts(row['measures']),
            }
            for row in rows[name]
        ]
        for entry in experiment.published:
            if entry['detector'] == name:
                method = f'{entry["method"]} {PUBLISHED} ({entry["source"]})'
                table.append({'pretraining': method, first: f'{entry["value"]:.4g}'})
        parts += [f'## {name}', *([markdown_table(table, columns)] if table else [])]
        parts.append(f'![{name}]({slug(name)}.png)' if rows[name] else 'No cell is done yet.')
    return '\n\n'.join(parts) + '\n'


def _plot(path: Path, experiment: TransferExperiment, detector: Detector, rows: list[dict]) -> None:
    """Our means over seeds, and below them what others published."""
    label = next(iter(detector.metrics))
    # A metric may be NaN, as that of a class without an object.
    values = {row['method']: row['metrics'][label]['values'] for row in rows if row['metrics'][label]}
    published = {
        f'{entry["method"]} {PUBLISHED}': [entry['value']]
        for entry in experiment.published
        if entry['detector'] == detector.name
    }
    measures, title = {label: {'': values | published}}, f'{detector.name}, by pretraining of the backbone'
    plot_dots(path, [*values, *published], measures, title=title, published=published)
