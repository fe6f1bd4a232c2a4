"""Builds the cells of a plan: a classifier whose backbone is published, a detector, or any other training."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdet_multimix.checks.checkpoints import pretrained_loaders

from .data_state import data_state
from .overrides import as_texts, config_hash, read_config
from .plan import Cell

BACKBONE = 'backbone.pth'


def pretrain_cell(name: str, title: str, config: Path, options: dict[str, Any]) -> Cell:
    """Trains a classifier and exports its backbone.

    Args:
        name: Name of the cell, its folder below the work dir.
        title: What people call it.
        config: Config of the classifier.
        options: Overrides.
    """
    return training_cell(name, 'pretrain', title, config, options, shown=('top1', 'top-1 {:.1f} %'))


def detect_cell(
    root: Path,
    name: str,
    title: str,
    config: Path,
    options: dict[str, Any],
    *,
    metric: str,
    pretraining: str | None = None,
    inputs: tuple[Path, ...] = (),
    validated: bool = False,
    predictions: bool = False,
    arguments: Sequence[str] = (),
) -> Cell:
    """Trains a detector, evaluates its last checkpoint, and measures it.

    Args:
        root: The work dir.
        name: Name of the cell.
        title: What people call it.
        config: Config of the detector.
        options: Overrides.
        metric: Key of the metric that sums it up, such as `coco/bbox_mAP`.
        pretraining: Name of the :func:`pretrain_cell` whose backbone it starts from; None takes what the
            config says.
        inputs: Files of annotations that the experiment writes itself; without them the state of the data
            that are there is kept. The backbone need not be named.
        validated: Whether the training's last validation may be that evaluation: where it is of the test set.
        predictions: Whether the test keeps all detections, as `predictions.bbox.json` in COCO's format.
        arguments: Those of `tools/evaluate.py`, which then measures it, too; see `measures.py`.
    """
    needs: tuple[str, ...] = ()
    written = bool(inputs)
    validated = validated and validates_by_test(_read(title, config, options))
    if pretraining is not None:
        backbone = root / pretraining / BACKBONE
        options = {**options, **initialised_from(config, backbone)}
        inputs = (*inputs, backbone)
        needs = (pretraining,)
    settings = {'metric': metric, 'validated': validated, 'predictions': predictions}
    if arguments:
        settings['arguments'] = list(arguments)
    shown = (metric, f'{metric} {{:.3f}}')
    cell = training_cell(
        name, 'detect', title, config, options, needs=needs, inputs=inputs, settings=settings, shown=shown
    )
    if written:  # what is there now may be of an earlier run
        cell = replace(cell, data={part: state for part, state in cell.data.items() if part == 'loaded'})
    return cell


def training_cell(
    name: str,
    kind: str,
    title: str,
    config: Path,
    options: dict[str, Any],
    *,
    needs: Sequence[str] = (),
    inputs: Sequence[Path] = (),
    settings: dict[str, Any] | None = None,
    shown: tuple[str, str],
) -> Cell:
    """A cell that trains; see :class:`Cell`.

    Raises:
        ValueError: Overrides that the config does not take, or that the command line cannot carry.
    """
    cfg = _read(title, config, options)
    loop = cfg.train_cfg
    length = ('epoch', loop.max_epochs) if loop.get('max_epochs') else ('step', loop.max_iters)
    return Cell(
        name,
        kind,
        title,
        str(config),
        hash_of(config),
        as_texts(title, options),
        tuple(needs),
        tuple(map(str, inputs)),
        data_state(cfg, tuple(map(str, inputs))),
        settings=settings or {},
        shown=shown,
        length=length,
        cpus=1 + cfg.train_dataloader.get('num_workers', 0),
    )


def validates_by_test(cfg: Config) -> bool:
    """Whether a training is validated as it is tested: by the same images, annotations and metrics."""
    pairs = [[cfg.get(f'{name}_{key}') for name in ('val', 'test')] for key in ('dataloader', 'evaluator')]
    (val, test), (val_metric, test_metric) = pairs
    return bool(val and test) and val.get('dataset') == test.get('dataset') and val_metric == test_metric


def initialised_from(config: Path, backbone: Path) -> dict[str, Any]:
    """Overrides that start a detector's backbone from a file, and the shared layer that C4 detectors have."""
    init_cfg = {'_delete_': True, 'type': 'MultiMixPretrained', 'checkpoint': str(backbone)}
    return {
        f'{module}.init_cfg.{key}': value
        for module in _initialised(config)
        for key, value in init_cfg.items()
    }


def overruled(where: str, cfg: Config) -> Iterator[str]:
    """A line for what would replace the backbone of every pretraining, so that all detectors start alike.

    Args:
        where: What the config is of, for the line.
        cfg: Config of a detector.
    """
    if cfg.get('load_from'):
        yield (
            f'{where}: load_from={cfg.load_from!r} would replace the pretrained backbones: set '
            "options to {'load_from': None}"
        )
    for loader in pretrained_loaders(cfg.model):
        yield (
            f'{where}: model.init_cfg={dict(loader)} would replace the pretrained backbones: set '
            "options to {'model.init_cfg': None}"
        )


def from_scratch(config: Path) -> dict[str, Any]:
    """Overrides that let a detector learn from random weights, none of which may then be frozen.

    They start as mmdet has it, residual branches as zeros where that is its default, whatever the pretraining
    does: with the short schedules of `configs/transfer/digits.py` the other start is worse.
    """
    model = read_config(config, {}).model
    options: dict[str, Any] = {}
    for module in _initialised(config):
        part = functools.reduce(lambda entry, key: entry[key], module.split('.')[1:], model)
        options[f'{module}.init_cfg'] = None
        free = {'frozen_stages': -1, 'norm_eval': False}
        options |= {f'{module}.{key}': value for key, value in free.items() if key in part}
        if not part.get('norm_cfg', {}).get('requires_grad', True):
            options[f'{module}.norm_cfg.requires_grad'] = True
    return options


def _read(title: str, config: Path, options: dict[str, Any]) -> Config:
    try:
        return read_config(config, options)
    except Exception as error:  # mmengine has no error of its own for it
        raise ValueError(f'{title}: {config} does not take the overrides {options}: {error}') from error


@functools.cache
def hash_of(config: Path) -> str:
    """The hash of a config, which is read once."""
    return config_hash(config)


@functools.cache
def _initialised(config: Path) -> tuple[str, ...]:
    """The modules that a backbone's checkpoint fills."""
    shared = 'shared_head' in read_config(config, {}).model.get('roi_head', {})
    return ('model.backbone', 'model.roi_head.shared_head') if shared else ('model.backbone',)
