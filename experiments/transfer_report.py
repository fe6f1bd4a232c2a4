"""What came out of a transfer experiment: `results.json`, a table and a plot for each detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmdet_multimix.visualization.plots import plot_bars

from .experiment_file import slug
from .results import replace_text, run_state, summarise
from .transfer import Cell, Detector, TransferExperiment

PUBLISHED = '[P]'


def write_report(
    root: Path, experiment: TransferExperiment, results: dict[str, dict], failures: dict[str, str]
) -> str:
    """Writes `results.json`, `table.md` and `DETECTOR.png` into the experiment's folder; returns the table.

    Args:
        root: The work dir.
        experiment: The experiment.
        results: Of the cells that are done, by name.
        failures: Messages of the cells that failed, by name.
    """
    folder = root / experiment.name
    if True:
        cells = experiment.cells()
        rows = {
            name: _rows(experiment, value, cells, results) for name, value in experiment.detectors.items()
        }
        report = {
            'experiment': experiment.title,
            'baseline': experiment.baseline,
            'seeds': experiment.seeds,
            'detectors': rows,
            'published': list(experiment.published),
            'cells': [_cell(experiment, cell, root, results, failures) for cell in cells],
            'pretraining': _pretraining(experiment, cells, root, results, failures),
        }
        processes = sorted({count for result in results.values() for count in result.get('processes', ())})
        text = _markdown(experiment, rows, processes)
        replace_text(folder / 'results.json', json.dumps(report, indent=1) + '\n')
        replace_text(folder / 'table.md', text)
        for name, detector in experiment.detectors.items():
            _plot(folder / f'{slug(name)}.png', experiment, detector, rows[name])
    return text


def _rows(
    experiment: TransferExperiment, detector: Detector, cells: list[Cell], results: dict[str, dict]
) -> list[dict[str, Any]]:
    """One dict for each method of which a cell is done."""
    mine = [cell for cell in cells if cell.detector is detector and cell.name in results]
    by_place = {(cell.method, cell.seed): results[cell.name] for cell in mine}
    rows = []
    for method in detector.methods:
        done = {seed: result for (name, seed), result in by_place.items() if name == method}
        if not done:
            continue
        # Runs of one seed share the order of images: their difference varies less than they do.
        gains = [
            done[seed][detector.metric] - by_place[experiment.baseline, seed][detector.metric]
            for seed in done
            if method != experiment.baseline and (experiment.baseline, seed) in by_place
        ]
        names = dict.fromkeys(cell.pretraining for cell in mine if cell.method == method and cell.pretraining)
        top1 = {
            key: [results[name][key] for name in names if name in results] for key in ('top1', 'top1_best')
        }
        rows.append(
            {
                'method': method,
                'seeds': sorted(done),
                **{key: summarise(values) for key, values in top1.items()},
                'metrics': {
                    label: summarise([result[key] for result in done.values() if key in result])
                    for label, key in detector.metrics.items()
                },
                'gain': summarise(gains),
                'seconds': summarise([result['seconds'] for result in done.values()]),
            }
        )
    return rows


def _cell(
    experiment: TransferExperiment, cell: Cell, root: Path, results: dict[str, dict], failures: dict[str, str]
) -> dict[str, Any]:
    about = {
        'method': cell.method,
        'detector': cell.detector.name,
        'seed': cell.seed,
        'pretraining': cell.pretraining,
    }
    return {**about, **run_state(cell.name, cell.detector.config, root, results, failures)}


def _pretraining(experiment, cells, root, results, failures) -> list[dict[str, Any]]:
    methods = {cell.pretraining: cell.method for cell in cells if cell.pretraining}
    return [
        {'method': method, **run_state(name, experiment.methods[method], root, results, failures)}
        for name, method in methods.items()
    ]


def _markdown(experiment: TransferExperiment, rows: dict[str, list[dict]], processes: list[int]) -> str:
    lines = [f'# {experiment.title}', '']
    lines += [
        f'Mean ± standard deviation over seeds; gain over {experiment.baseline}, seed by seed: mean ± '
        'standard error. Top-1 of the pretraining in percent, at the last epoch (at the best one).'
    ]
    if experiment.published:
        lines += [f'{PUBLISHED}: published figures, not measured here.']
    if len(processes) > 1:
        lines += [
            f'Not alike: runs had {", ".join(map(str, processes))} processes (see results.json), and each '
            'mixes the images of its own.'
        ]
    for detector in experiment.detectors.values():
        labels = list(detector.metrics)
        head = ['pretraining', 'seeds', 'top-1', labels[0], 'gain', *labels[1:]]
        lines += ['', f'## {detector.name}', '', f'| {" | ".join(head)} |', '|---' * len(head) + '|']
        for row in rows[detector.name]:
            metrics = [_shown(row['metrics'][label]) for label in labels]
            seeds = str(len(row['seeds']))
            gain = _shown(row['gain'], 'error', '+')
            lines.append(_line(row['method'], seeds, _top1(row), metrics[0], gain, *metrics[1:]))
        for entry in experiment.published:
            if entry['detector'] == detector.name:
                rest = [''] * (len(head) - 5)
                method = f'{entry["method"]} {PUBLISHED} ({entry["source"]})'
                lines.append(_line(method, '', '', f'{entry["value"]:.4g}', '', *rest))
        if not rows[detector.name]:
            lines += ['', 'No cell is done yet.']
        else:
            lines += ['', f'![{detector.name}]({slug(detector.name)}.png)']
    return '\n'.join(lines) + '\n'


def _line(*fields: str) -> str:
    return f'| {" | ".join(fields)} |'


def _top1(row: dict) -> str:
    return f'{row["top1"]["mean"]:.1f} ({row["top1_best"]["mean"]:.1f})' if row['top1'] else ''


def _shown(summary: dict | None, spread: str = 'std', sign: str = '') -> str:
    if summary is None:
        return ''
    text = f'{summary["mean"]:{sign}.3f}'
    return text if summary[spread] is None else f'{text} ± {summary[spread]:.3f}'


def _plot(path: Path, experiment: TransferExperiment, detector: Detector, rows: list[dict]) -> None:
    """Ours and, in bars of their own at the right, what others published."""
    label = next(iter(detector.metrics))
    names = [row['method'] for row in rows]
    values = [row['metrics'][label]['values'] for row in rows]
    for entry in experiment.published:
        if rows and entry['detector'] == detector.name:
            names.append(f'{entry["method"]} {PUBLISHED}')
            values.append([entry['value']])
    if names:
        title = f'{detector.name}, by pretraining of the backbone'
        plot_bars(path, names, values, ylabel=label, title=title)
