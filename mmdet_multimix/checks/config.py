"""Checks a config before anything long starts: data, class names, checkpoints.

mmengine finds a missing file when it opens it, which may be minutes later or on one rank only. Other faults
it never finds: with class names that are not in the annotations, a detector trains on nothing.
"""

from __future__ import annotations

from mmengine.config import Config

from ..utils.one_line import InputError
from ..utils.registered import use_scope_of
from . import coco_file, image_folders
from .checkpoints import (
    check_begun,
    check_initial_weights,
    check_load_from,
    check_start,
    check_stored_classes,
)
from .classes import check_heads, check_same
from .data import EVALUATORS, LOADERS, check_set
from .hooks import check_hook_arguments, check_lost_hooks
from .metrics import check_best, check_evaluators
from .remark import Remark, say_remarks
from .splits import check_evaluated, check_learnt
from .unread import check_unread
from .walk import check_wrapped, data_sets


class PreflightError(InputError):
    """What is wrong with a config or its files, one line each."""


def check_config(cfg: Config, stage: str = 'train') -> None:
    """Check the data sets and checkpoint files that a config names, in seconds.

    What goes on all the same is printed as a warning.

    Args:
        cfg: The config.
        stage: ``'train'`` (train and validation data, validation's annotations, initial weights) or
            ``'test'`` (test data and annotations).

    Raises:
        PreflightError: With all that is wrong, a line for each fault: its key in the config, and what to do.
    """
    faults = say_remarks(problems_of(cfg, stage))
    if faults:
        lines = '\n'.join(f'  - {fault}' for fault in faults)
        raise PreflightError(f'cannot {stage}:\n{lines}')


def problems_of(cfg: Config, stage: str) -> list[str]:
    """All that :func:`check_config` finds: remarks, and lines of which any is a fault."""
    use_scope_of(cfg)
    if problems := list(check_wrapped(cfg, LOADERS[stage])):
        return problems  # what follows would be about another set than the user's
    sets = data_sets(cfg, LOADERS[stage])
    problems = [_at(dataset.key, line) for dataset in sets for line in check_set(dataset)]
    problems += check_same(cfg, sets)
    problems += check_heads(cfg, sets)
    problems += check_evaluators(cfg, EVALUATORS[stage])
    problems += check_load_from(cfg)
    problems += check_hook_arguments(cfg)
    if stage == 'test' or cfg.get('resume'):
        problems += check_stored_classes(cfg, sets)
    else:
        problems += check_start(cfg)
        problems += check_begun(cfg)
    if stage == 'train':
        problems += check_initial_weights(cfg)
        problems += check_lost_hooks(cfg)
        problems += check_best(cfg)
    problems += check_unread(cfg)
    if all(isinstance(line, Remark) for line in problems):  # what follows reads the files again
        problems += check_evaluated(cfg, EVALUATORS[stage])
        problems += check_learnt(sets)
        problems += image_folders.check_held_out(sets)
    coco_file.forget()
    return problems


def _at(key: str, line: str) -> str:
    """A line of a check with the key of the config that it is about."""
    return (Remark if isinstance(line, Remark) else str)(f'{key}: {line}')
