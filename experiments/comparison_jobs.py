"""The runs of a comparison as jobs: candidates on a validation split, then the best of each for good."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from .comparison import Cell, Comparison, Method, Trial
from .jobs import Job
from .launch import Launcher
from .progress import Progress
from .run import Run
from .scalars import read_scalars
from .stages import failing, key_of, record


def comparison_jobs(comparison: Comparison, root: Path, launcher: Launcher) -> list[Job]:
    """A job for each trial, then one for each cell.

    Args:
        comparison: The experiment.
        root: The work dir.
        launcher: How a process is started.
    """
    return [
        *(_trial_job(comparison, trial, root, launcher) for trial in comparison.trials()),
        *(_cell_job(comparison, cell, root, launcher) for cell in comparison.cells()),
    ]


def _trial_job(comparison: Comparison, trial: Trial, root: Path, launcher: Launcher) -> Job:
    title = f'tune {trial.method.name}: {trial.candidate}, seed {trial.seed}'
    options = comparison.trial_options(trial)
    run = Run(trial.method.config, root / trial.name, options, title, launcher=launcher)

    def work(progress: Progress) -> dict[str, Any]:
        run.train(progress)
        progress.start(f'validate {title}')
        return {**_validated(run.evaluate('--measures', 'accuracy')), **record(run)}

    return Job(
        trial.name,
        title,
        failing(work),
        key_of(trial.method.config, options),
        summary=lambda result: f'validation error {result["error"]:.2f} %',
    )


def _cell_job(comparison: Comparison, cell: Cell, root: Path, launcher: Launcher) -> Job:
    title = f'{cell.method.name}, {cell.images_per_class} images a class, seed {cell.seed}'
    trials = [trial for trial in comparison.trials() if trial.method is cell.method]
    arguments = ['--measures', *comparison.measures]
    if comparison.attack_images:
        arguments += ['--attack-images', str(comparison.attack_images)]
    if comparison.ood:
        arguments += ['--ood', *(f'{name}={folder}' for name, folder in comparison.ood.items())]

    def work(progress: Progress) -> dict[str, Any]:
        reports = {trial.name: _read_report(root / trial.name) for trial in trials}
        candidate = choice(comparison, cell.method, {name: _validated(r) for name, r in reports.items()})
        options = comparison.cell_options(cell, candidate)
        run = Run(cell.method.config, root / cell.name, options, title, launcher=launcher)
        run.train(progress)
        progress.start(f'evaluate {title}')
        measured = _measured(run.evaluate(*arguments)['measures'])
        accuracies = [value for _, value in read_scalars(run.work_dir, 'accuracy/top1')]
        best = 100 - max(accuracies) if accuracies else None
        return {'candidate': candidate, 'error_best': best, **measured, **record(run)}

    everything = [comparison.cell_options(cell, name) for name in cell.method.candidates]
    return Job(
        cell.name,
        title,
        failing(work),
        [key_of(cell.method.config, {}), everything, arguments],
        tuple(trial.name for trial in trials),
        lambda result: f'error {result["error"]:.2f} %',
    )


def choice(comparison: Comparison, method: Method, results: dict[str, dict[str, Any]]) -> str | None:
    """The candidate of a method, None as long as one of its trials has no result.

    Args:
        comparison: The experiment.
        method: The method.
        results: `error` and `nll` of trials by the names of their jobs.
    """
    if len(method.candidates) == 1:
        return next(iter(method.candidates))
    found: dict[str, list[dict]] = {name: [] for name in method.candidates}
    for trial in comparison.trials():
        if trial.method is method:
            if trial.name not in results:
                return None
            found[trial.candidate].append(results[trial.name])
    return choose(found)


def choose(trials: dict[str, list[dict[str, float]]]) -> str:
    """The candidate of least mean validation error; of those that share it, of least mean NLL, the first.

    Args:
        trials: For each candidate `error` and `nll` of every seed.
    """

    def rank(name: str) -> tuple[float, float]:
        # Errors are shares of a count of images: equal ones must not differ by how they were added up.
        error = statistics.mean(trial['error'] for trial in trials[name])
        return round(error, 9), statistics.mean(trial['nll'] for trial in trials[name])

    return min(trials, key=rank)


def _read_report(work_dir: Path) -> dict[str, Any]:
    return json.loads((work_dir / 'evaluation/report.json').read_text())


def _validated(report: dict[str, Any]) -> dict[str, float]:
    accuracy = report['measures']['accuracy']
    return {'error': 100 - accuracy['top1'], 'nll': accuracy['nll']}


def _measured(measures: dict[str, dict]) -> dict[str, Any]:
    """Of a report what is compared, as flat numbers; errors in percent."""
    found: dict[str, Any] = {'error': 100 - measures['accuracy']['top1'], 'nll': measures['accuracy']['nll']}
    if 'calibration' in measures:
        found |= {'ece': measures['calibration']['ece'], 'bins': measures['calibration']['bins']}
    if 'ood' in measures:
        found['auroc'] = {name: values['auroc'] for name, values in measures['ood'].items()}
        found['ood'] = statistics.mean(found['auroc'].values())
    if 'embedding' in measures:
        found |= {key: measures['embedding'][key] for key in ('alignment', 'uniformity')}
    return found | {name: 100 - measures[name]['top1'] for name in ('fgsm', 'pgd') if name in measures}
