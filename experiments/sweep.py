"""A sweep: a detector under many settings of MultiMix, with several numbers of training images and seeds.

An experiment file is a config of its own, such as `configs/sweeps/signal_digits.py`:

* `detector`: its config, relative to the file; `metric`: the key that sums it up, on the test set.
* `settings`: names and overrides; the first is what the others are compared with.
* `images`: numbers of training images, and for each the names of the settings that are tried with it, None
  for all; `images_key`: the key of the config that takes the number.
* `seeds`: how often each is trained, with seeds 0, 1, ...
* `pretraining`: config of a classifier whose backbone the detector starts from (optional), `options` and
  `pretraining_options`: overrides for all detectors and for all classifiers (optional).
* `data`: `'digits'` writes the digits set (optional).
* `calibration` and its like: what else is measured of each detector; see `measures.py` (optional).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config

from mmdet_multimix.checks import check_data, check_metrics
from mmdet_multimix.checks.unread import unread_overrides

from .building import unbuildable
from .cells import detect_cell, overruled, pretrain_cell
from .digits import digits_options, prepare_digits
from .experiment_file import beside, check_keys, check_types, many, read_experiment, slug
from .launch import uneven_batches
from .measures import KEYS as _MEASURES
from .measures import Measures, check_frequencies, read_measures
from .overrides import read_config
from .plan import Plan

_REQUIRED = {'detector', 'metric', 'images', 'images_key', 'seeds', 'settings'}
_OPTIONAL = {'data', 'options', 'pretraining', 'pretraining_options', *_MEASURES}
_TYPES = {
    'detector': str,
    'pretraining': str,
    'metric': str,
    'images_key': str,
    'options': dict,
    'pretraining_options': dict,
}
_VAL_IMAGES = 200


@dataclass(frozen=True)
class SweepCell:
    """A detector, trained once: `name` is that of its cell in the plan."""

    name: str
    setting: str
    images: int
    seed: int


@dataclass(frozen=True)
class Sweep:
    """What an experiment file says, checked; see this module."""

    name: str
    detector: Path
    metric: str
    settings: dict[str, dict[str, Any]]
    images: dict[int, tuple[str, ...]]
    images_key: str
    seeds: int
    pretraining: Path | None
    options: dict[str, Any]
    pretraining_options: dict[str, Any]
    digits: bool
    measures: Measures = field(default_factory=Measures)

    def cells(self) -> list[SweepCell]:
        """All detectors, in the order in which they are trained."""
        return [
            SweepCell(f'seed{seed}/{images}_images/{number:02d}_{slug(setting)}', setting, images, seed)
            for images, chosen in self.images.items()
            for seed in range(self.seeds)
            for number, setting in enumerate(self.settings)
            if setting in chosen
        ]

    def about(self) -> str:
        """What it compares, in words."""
        images = ', '.join(map(str, self.images))
        counts = f'{many(len(self.settings), "setting")}, {images} images, {many(self.seeds, "seed")}'
        detectors = many(len(self.cells()), 'detector')
        return f'{self.name}: {counts}: {detectors}\n{self.measures.about([self.metric])}'

    def plan(self, root: Path) -> Plan:
        """A cell for each pretraining, then one for each detector.

        Args:
            root: The work dir.
        """
        common, inputs = dict(self.options), ()
        if self.digits:
            options, inputs = digits_options(root / 'data')
            common |= options
        found = []
        for seed in range(self.seeds if self.pretraining else 0):
            options = {**self.pretraining_options, 'randomness.seed': seed}
            found.append(
                pretrain_cell(f'seed{seed}/pretrain', f'seed {seed}: classifier', self.pretraining, options)
            )
        for cell in self.cells():
            seeded = {**common, 'randomness.seed': cell.seed, self.images_key: cell.images}
            found.append(
                detect_cell(
                    root,
                    cell.name,
                    f'{cell.images} images, seed {cell.seed}: {cell.setting}',
                    self.detector,
                    {**seeded, **self.settings[cell.setting]},
                    metric=self.metric,
                    pretraining=f'seed{cell.seed}/pretrain' if self.pretraining else None,
                    inputs=inputs,
                    validated=True,
                    arguments=self.measures.arguments,
                )
            )
        return Plan.of(root, root, found)

    def prepare(self, root: Path) -> None:
        """Writes the digits set where the experiment needs it and it is not there."""
        if self.digits:
            prepare_digits(root / 'data', max(self.images), _VAL_IMAGES)

    def problems(self, processes: int) -> list[str]:
        """All that keeps it from starting, one line each.

        Args:
            processes: How many share the batch of a training.
        """
        cfg = read_config(self.detector, {})
        found = [f'images_key: {line}' for line in unread_overrides(cfg, [self.images_key])]
        for setting, options in self.settings.items():
            found += unbuildable(f'settings[{setting!r}]', self.detector, {**self.options, **options})
        if self.pretraining:
            found += unbuildable('pretraining', self.pretraining, self.pretraining_options)
        if found:
            return found
        detectors = []
        for setting, options in self.settings.items():
            cfg = read_config(self.detector, {**self.options, **options})
            found += [f'settings[{setting!r}]: {line}' for line in check_metrics(cfg, {'': self.metric})]
            found += overruled(f'settings[{setting!r}]', cfg) if self.pretraining else ()
            detectors.append(cfg)
        configs = [read_config(self.pretraining, self.pretraining_options)] if self.pretraining else []
        found += uneven_batches([*configs, *detectors[:1]], processes)
        found += check_frequencies(self.measures, detectors[0])
        # The data of digits are written when it starts.
        found += check_data(configs + ([] if self.digits else detectors), {})
        return found or list(self._too_many())

    def _too_many(self) -> Iterator[str]:
        """A line where more images are asked for than there are: mmengine would take all, and say nothing."""
        where, _, last = self.images_key.rpartition('.')
        if self.digits or last != 'indices':
            return
        try:
            cfg = read_config(self.detector, {**self.options, self.images_key: None})
            there = len(DATASETS.build(_part(cfg, where)))
        except Exception as error:  # whatever a data set does with a key that it does not know
            yield f'images_key is {self.images_key!r}, with which there is no data set: {error}'
            return
        if there < max(self.images):
            yield f'images has {max(self.images)}, but {where} has only {many(there, "image")} to train on'


def _part(cfg: Config, key: str) -> Any:
    """What stands in a config under a dotted key."""
    return functools.reduce(
        lambda part, name: part[int(name) if name.isdigit() else name], key.split('.'), cfg
    )


def load_sweep(path: str | Path) -> Sweep:
    """Reads an experiment file.

    Raises:
        ValueError: It is not there, or a key is missing, unknown or does not fit the others.
    """
    path = Path(path)
    cfg = read_experiment(path, 'configs/sweeps').to_dict()
    check_keys(str(path), cfg, _REQUIRED, _OPTIONAL)
    check_types(str(path), cfg, _TYPES)
    if type(cfg['seeds']) is not int or cfg['seeds'] < 1:
        raise ValueError(f'{path}: seeds must be a number of at least 1, got {cfg["seeds"]!r}')
    for key in ('settings', 'images'):
        if not isinstance(cfg[key], dict) or not cfg[key]:
            raise ValueError(f'{path}: {key} must be a dict, and not empty, got {cfg[key]!r}')
    for name, overrides in cfg['settings'].items():
        if not isinstance(overrides, dict):
            raise ValueError(f'{path}: settings[{name!r}] must be a dict of overrides, got {overrides!r}')
    for count, chosen in cfg['images'].items():
        if not isinstance(chosen, (list, tuple, type(None))):
            raise ValueError(f'{path}: images[{count!r}] must be a tuple of settings or None, got {chosen!r}')
        if not isinstance(count, int) or count < 1:
            raise ValueError(f'{path}: images must have numbers of at least 1 as keys, got {count!r}')
        if unknown := [name for name in chosen or () if name not in cfg['settings']]:
            raise ValueError(
                f'{path} wants {unknown[0]!r} for {count} images, which is not among its settings'
            )
    if cfg.get('data') not in (None, 'digits'):
        raise ValueError(f"{path}: data can only be 'digits', got {cfg['data']!r}")
    configs = {key: beside(path, cfg[key]) for key in ('detector', 'pretraining') if cfg.get(key)}
    for key, config in configs.items():
        if not config.is_file():
            raise ValueError(f'{key} of {path} is {config}, which does not exist')
    return Sweep(
        path.stem,
        configs['detector'],
        cfg['metric'],
        cfg['settings'],
        {count: tuple(chosen or cfg['settings']) for count, chosen in cfg['images'].items()},
        cfg['images_key'],
        cfg['seeds'],
        configs.get('pretraining'),
        cfg.get('options', {}),
        cfg.get('pretraining_options', {}),
        cfg.get('data') == 'digits',
        read_measures(path, cfg),
    )
