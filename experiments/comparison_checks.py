"""What keeps a comparison from starting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmdet.registry import DATASETS

from mmdet_multimix.checks import check_data
from mmdet_multimix.evaluation.ood_images import list_images

from .building import unbuildable
from .comparison import Comparison
from .launch import uneven_batches
from .overrides import read_config


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
            for name, overrides in method.candidates.items():
                where = f'methods[{method.name!r}].candidates[{name!r}]'
                found += unbuildable(where, method.config, {**comparison.options, **overrides})
    if comparison.baseline.config.is_file():
        for count, overrides in comparison.images_per_class.items():
            found += unbuildable(f'images_per_class[{count}]', comparison.baseline.config, overrides)
    found += uneven_batches(configs, processes) + check_data(configs, {})
    for name, folder in comparison.ood.items():
        try:
            list_images(folder)
        except (OSError, ValueError) as error:
            found.append(f'ood[{name!r}]: {error}')
    return found or list(_data_problems(comparison))


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
