"""The cells of a comparison: candidates on a validation split, the choice, then the best of each for good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .cells import hash_of, training_cell, validates_by_test
from .comparison import Comparison, Method
from .data_state import images_state
from .overrides import as_texts, read_config
from .plan import Cell, Plan, digest

_ERROR = ('error', 'error {:.2f} %')


def comparison_plan(comparison: Comparison, root: Path) -> Plan:
    """A cell for each trial, one for each choice, then one for each final training.

    Args:
        comparison: The experiment.
        root: The work dir.

    Raises:
        ValueError: Overrides that the command line cannot carry.
    """
    cells = [
        training_cell(
            trial.name,
            'tune',
            f'tune {trial.method.name}: {trial.candidate}, seed {trial.seed}',
            trial.method.config,
            comparison.trial_options(trial),
            settings={'arguments': ['--measures', 'accuracy']},
            shown=('error', 'validation error {:.2f} %'),
        )
        for trial in comparison.trials()
    ]
    for method in comparison.methods.values():
        if trials := [trial for trial in comparison.trials() if trial.method is method]:
            cells.append(
                Cell(
                    comparison.choice_name(method),
                    'choose',
                    f'choose for {method.name}',
                    needs=tuple(trial.name for trial in trials),
                    settings={'trials': [trial.candidate for trial in trials]},
                    shown=('candidate', '{}'),
                )
            )
    return Plan.of(root, root, [*cells, *_final_cells(comparison)])


def choice(comparison: Comparison, method: Method, results: dict[str, dict[str, Any]]) -> str | None:
    """The chosen candidate of a method, None as long as there is none.

    Args:
        comparison: The experiment.
        method: The method.
        results: Of the cells that are done, by name.
    """
    if len(method.candidates) == 1:
        return next(iter(method.candidates))
    return results.get(comparison.choice_name(method), {}).get('candidate')


def step_of(comparison: Comparison, method: Method, candidate: str) -> str:
    """A hash of what the cost of a training step depends on.

    Args:
        comparison: The experiment.
        method: The method.
        candidate: Of the method.
    """
    count = max(comparison.images_per_class)
    cell = next(c for c in comparison.cells() if c.method == method and c.images_per_class == count)
    options = as_texts(method.name, comparison.cell_options(cell, candidate))
    return digest(hash_of(method.config), options)


def _final_cells(comparison: Comparison) -> list[Cell]:
    arguments = ['--measures', *comparison.measures]
    if comparison.attack_images:
        arguments += ['--attack-images', str(comparison.attack_images)]
    if comparison.ood:
        arguments += ['--ood', *(f'{name}={folder}' for name, folder in comparison.ood.items())]
    cells = []
    for final in comparison.cells():
        method = final.method
        candidates = {name: comparison.cell_options(final, name) for name in method.candidates}
        first = next(iter(candidates))
        cell = training_cell(
            final.name,
            'final',
            f'{method.name}, {final.images_per_class} images a class, seed {final.seed}',
            method.config,
            candidates[first],
            settings={'arguments': arguments, 'candidate': first},
            shown=_ERROR,
        )
        if not validates_by_test(read_config(method.config, candidates[first])):
            # The best epoch of the log is one on other images.
            cell = replace(cell, settings={**cell.settings, 'best': False})
        if comparison.ood:
            cell = replace(cell, data={**cell.data, 'ood': images_state(comparison.ood.values())})
        if len(candidates) > 1:  # which of them is known when the choice has been made
            texts = {name: as_texts(f'{method.name}: {name}', value) for name, value in candidates.items()}
            needs = (comparison.choice_name(method),)
            settings = {key: value for key, value in cell.settings.items() if key != 'candidate'}
            cell = replace(cell, options={}, settings={**settings, 'candidates': texts}, needs=needs)
        cells.append(cell)
    return cells
