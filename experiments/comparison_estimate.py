"""What a comparison will do, and what keeps it from starting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS

from mmdet_multimix.checks.data_check import check_data
from mmdet_multimix.evaluation.ood_images import list_images

from .comparison import Comparison, Method
from .estimate import Part, build_shapes, many, part_of, work_lines
from .launch import batch_options
from .overrides import read_config


def estimate_comparison(comparison: Comparison, done: Iterable[str]) -> list[Part]:
    """A part for each stage, as long as the baseline's config says.

    Args:
        comparison: The experiment; the baseline's config must be there.
        done: Names of the cells that are done.
    """
    done = set(done)
    config, trials = comparison.baseline.config, comparison.trials()
    stages = []
    if trials:
        count = comparison.tuning.images_per_class
        names = {trial.name for trial in trials}
        title = f'tune with {comparison.num_images(count)} images'
        stages.append((title, comparison.trial_options(trials[0]), names))
    for count in comparison.images_per_class:
        cells = [cell for cell in comparison.cells() if cell.images_per_class == count]
        options = comparison.cell_options(cells[0], next(iter(comparison.baseline.candidates)))
        title = f'train with {comparison.num_images(count)} images and evaluate'
        stages.append((title, options, {cell.name for cell in cells}))
    return [part_of(title, config, options, names, done, {}) for title, options, names in stages]


def describe_comparison(comparison: Comparison, parts: list[Part], root: Path) -> str:
    """The plan as text."""
    runs, done = sum(part.runs for part in parts), sum(part.done for part in parts)
    epochs = sum(int(part.length.split()[0]) * (part.runs - part.done) for part in parts if part.length)
    attacked = f'; {comparison.attack_images} images are attacked' if comparison.attack_images else ''
    candidates = many(len(comparison.baseline.candidates), 'candidate')
    lines = [
        comparison.title,
        f'{many(len(comparison.methods), "method")} with {candidates} each, '
        f'{many(comparison.seeds, "seed")}: {many(runs, "run")}, {done} of them done; '
        f'{many(epochs, "epoch")} to do',
        f'measures: {", ".join(comparison.measures)}{attacked}',
        '',
    ]
    if comparison.tuning and comparison.trials():
        start, stop = comparison.tuning.validation
        lines[-1:] = [
            f'candidates are compared on images {start} to {stop - 1} of each class of the training set, '
            f'seeds {", ".join(map(str, comparison.tuning.seeds))}',
            '',
        ]
    width = max(map(len, comparison.methods))
    lines += [f'{name:<{width}}  {" | ".join(m.candidates)}' for name, m in comparison.methods.items()]
    # Every method trains as long as the baseline, with checkpoints of about the same size.
    return '\n'.join([*lines, '', *work_lines(parts, root)])


def problems_of(comparison: Comparison, processes: int) -> list[str]:
    """All that keeps it from starting, one line each.

    Args:
        comparison: The experiment.
        processes: How many share the batch of a training.
    """
    found = comparison.missing_configs()
    configs = []
    for method in comparison.methods.values():
        if method.config.is_file():
            configs.append(read_config(method.config, comparison.options))
            found += _unbuildable(comparison, method)
    for cfg in configs:
        try:
            batch_options(cfg, processes)
        except ValueError as error:
            found.append(f'{cfg.filename}: {error}')
    found += check_data(configs, {})
    for name, folder in comparison.ood.items():
        try:
            list_images(folder)
        except (OSError, ValueError) as error:
            found.append(f'ood[{name!r}]: {error}')
    return found or list(_data_problems(comparison))


def _unbuildable(comparison: Comparison, method: Method) -> Iterator[str]:
    """A line for each candidate whose overrides the model refuses."""
    for name, overrides in method.candidates.items():
        try:
            build_shapes(read_config(method.config, {**comparison.options, **overrides}))
        except Exception as error:
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            yield f'methods[{method.name!r}].candidates[{name!r}]: {reason}'


def _data_problems(comparison: Comparison) -> Iterator[str]:
    """A line for each range of images that the baseline's sets do not have."""
    trials, cells = comparison.trials(), comparison.cells()
    largest = max(cells, key=lambda cell: cell.images_per_class)
    options = {
        'images_per_class': comparison.cell_options(largest, next(iter(largest.method.candidates))),
        **({'tuning': comparison.trial_options(trials[0])} if trials else {}),
    }
    for key, overrides in options.items():
        cfg = read_config(comparison.baseline.config, overrides)
        for loader in ('train_dataloader', 'test_dataloader'):
            yield from _refused(f'{key}: {loader}', cfg[loader].dataset)


def _refused(where: str, dataset: dict[str, Any]) -> Iterator[str]:
    try:
        DATASETS.build(dataset)
    except (OSError, ValueError) as error:
        yield f'{where}: {error}'
