"""A transfer experiment: which pretraining methods are carried into which detectors, and with which seeds.

An experiment file is a config of its own, such as `configs/transfer/digits.py`:

* `methods`: names and the pretraining configs, relative to the file; None is a detector from scratch. The
  first is what the others are compared with.
* `detectors`: names and dicts of `config`, relative to the file; `metrics`, labels and the keys under which
  the evaluation gives them, the first of which sums the detector up; `options`, overrides (optional); and
  `methods`, the only ones it is trained with (optional).
* `seeds`: how often a detector is trained, with seeds 0, 1, ...
* `pretraining_seeds`: how often a backbone is; by default as often. The detector of seed s starts from the
  backbone of seed s modulo this number.
* `counts`: how many images a set must have, by its annotation file or folder below the data's root.
* `digits`: `(training, validation)` images of the digits set, where the detectors need it.
* `calibration` and its like: what else is measured of each detector; see `measures.py`.
* `published`: figures of others, dicts of `method`, `detector`, `value` and `source`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdet_multimix.checks import check_data, check_metrics

from .building import unbuildable
from .cells import detect_cell, from_scratch, overruled, pretrain_cell
from .digits import digits_options, prepare_digits
from .experiment_file import beside, check_keys, check_names, check_types, many, read_experiment, slug
from .launch import uneven_batches
from .measures import KEYS as _MEASURES
from .measures import Measures, check_frequencies, read_measures
from .overrides import read_config
from .plan import Plan

_KEYS = {'methods', 'detectors', 'seeds'}
_OPTIONAL = {'title', 'pretraining_seeds', 'counts', 'digits', 'published', *_MEASURES}
_DETECTOR_KEYS = {'config', 'metrics', 'options', 'methods'}
_PUBLISHED_KEYS = {'method', 'detector', 'value', 'source'}


@dataclass(frozen=True)
class Detector:
    """A detector of an experiment; see this module."""

    name: str
    config: Path
    metrics: dict[str, str]
    options: dict[str, Any]
    methods: tuple[str, ...]

    @property
    def metric(self) -> str:
        """The key of the metric that sums it up."""
        return next(iter(self.metrics.values()))


@dataclass(frozen=True)
class TransferCell:
    """A detector on a backbone, trained once.

    Attributes:
        name: Name of its cell in the plan.
        pretraining: Name of the cell that makes its backbone, None from scratch.
    """

    name: str
    method: str
    detector: Detector
    seed: int
    pretraining: str | None


@dataclass(frozen=True)
class TransferExperiment:
    """What an experiment file says, checked; see this module."""

    name: str
    title: str
    methods: dict[str, Path | None]
    detectors: dict[str, Detector]
    seeds: int
    pretraining_seeds: int
    counts: dict[str, int] = field(default_factory=dict)
    digits: tuple[int, int] | None = None
    published: tuple[dict[str, Any], ...] = ()
    measures: Measures = field(default_factory=Measures)

    @property
    def baseline(self) -> str:
        """The method that the others are compared with."""
        return next(iter(self.methods))

    def cells(self) -> list[TransferCell]:
        """All of them: the first seed of every detector and method, then the second."""
        found = []
        for seed in range(self.seeds):
            for detector in self.detectors.values():
                for method in detector.methods:
                    config = self.methods[method]
                    backbone = (
                        f'pretrain/{config.stem}/seed{seed % self.pretraining_seeds}' if config else None
                    )
                    name = f'{self.name}/seed{seed}/{slug(detector.name)}/{slug(method)}'
                    found.append(TransferCell(name, method, detector, seed, backbone))
        return found

    def about(self) -> str:
        """What it compares, in words."""
        cells = self.cells()
        backbones = len({cell.pretraining for cell in cells if cell.pretraining})
        metrics = [key for detector in self.detectors.values() for key in detector.metrics.values()]
        counts = ((self.methods, 'method'), (self.detectors, 'detector'), (range(self.seeds), 'seed'))
        return (
            f'{self.title}\n{", ".join(many(len(found), word) for found, word in counts)}: '
            f'{many(len(cells), "training")} from {many(backbones, "pretrained backbone")}\n'
            f'{self.measures.about(metrics)}'
        )

    def missing_configs(self) -> list[str]:
        """A line for each config that is named and not there."""
        named = [(f'methods[{name!r}]', path) for name, path in self.methods.items() if path]
        named += [(f'detectors[{name!r}].config', value.config) for name, value in self.detectors.items()]
        return [f'{key}: config {path} does not exist' for key, path in named if not path.is_file()]

    def prepare(self, root: Path) -> None:
        """Writes the digits set where the experiment needs it and it is not there."""
        if self.digits:
            prepare_digits(self._digits_folder(root), *self.digits)

    def _digits_folder(self, root: Path) -> Path:
        train, val = self.digits
        return root / self.name / f'data_{train}_{val}'

    def plan(self, root: Path) -> Plan:
        """A cell for each backbone and each detector, a backbone before the first cell that needs it.

        Experiments that share a work dir share the backbones.

        Args:
            root: The work dir.
        """
        common, inputs = {}, ()
        if self.digits:
            common, inputs = digits_options(self._digits_folder(root))
        found = {}
        for cell in self.cells():
            if cell.pretraining and cell.pretraining not in found:
                seed = cell.seed % self.pretraining_seeds
                found[cell.pretraining] = pretrain_cell(
                    cell.pretraining,
                    f'seed {seed}: classifier, {cell.method}',
                    self.methods[cell.method],
                    {'randomness.seed': seed},
                )
            options = {**common, **cell.detector.options, 'randomness.seed': cell.seed}
            if cell.pretraining is None:
                options |= from_scratch(cell.detector.config)
            found[cell.name] = detect_cell(
                root,
                cell.name,
                f'seed {cell.seed}: {cell.detector.name}, {cell.method}',
                cell.detector.config,
                options,
                metric=cell.detector.metric,
                pretraining=cell.pretraining,
                inputs=inputs,
                arguments=self.measures.arguments,
            )
        return Plan.of(root, root / self.name, found.values())


def load_experiment(path: str | Path) -> TransferExperiment:
    """Reads an experiment file.

    Raises:
        ValueError: It is not there, or a key is missing, unknown or does not fit the others. Configs that it
            names may be missing; see `missing_configs`.
    """
    path = Path(path)
    cfg = read_experiment(path, 'configs/transfer').to_dict()
    check_keys(str(path), cfg, _KEYS, _OPTIONAL)
    check_types(str(path), cfg, {'title': str, 'counts': dict, 'published': (list, tuple)})
    for key in ('methods', 'detectors'):
        if not isinstance(cfg[key], dict) or not cfg[key]:
            raise ValueError(f'{path}: {key} must be a dict by name, and not empty, got {cfg[key]!r}')
        check_names(f'{path}: {key}', cfg[key])
    check_types(f'{path}: methods', cfg['methods'], dict.fromkeys(cfg['methods'], str))
    methods = {name: beside(path, config) if config else None for name, config in cfg['methods'].items()}
    by_stem: dict[str, Path] = {}
    for config in filter(None, methods.values()):
        if by_stem.setdefault(config.stem, config) != config:
            raise ValueError(
                f'{path}: the backbones of {by_stem[config.stem]} and {config} would share the folder '
                f'pretrain/{config.stem}; rename one of the files'
            )
    detectors = _read_detectors(path, cfg['detectors'], methods)
    for index, entry in enumerate(cfg.get('published', ())):
        check_keys(f'{path}: published[{index}]', entry, _PUBLISHED_KEYS, set())
        if entry['detector'] not in detectors:
            raise ValueError(
                f'{path}: published[{index}].detector is {entry["detector"]!r}, not among detectors'
            )
        if not isinstance(entry['value'], (int, float)):
            raise ValueError(f'{path}: published[{index}].value must be a number, got {entry["value"]!r}')
    digits = cfg.get('digits')
    if digits is not None and not (
        isinstance(digits, (tuple, list))
        and len(digits) == 2
        and all(type(n) is int and n > 0 for n in digits)
    ):
        raise ValueError(f'{path}: digits must be (training images, validation images), got {digits!r}')
    seeds = cfg['seeds']
    pretraining_seeds = cfg.get('pretraining_seeds', seeds)
    for key, value in (('seeds', seeds), ('pretraining_seeds', pretraining_seeds)):
        if type(value) is not int or value < 1:
            raise ValueError(f'{path}: {key} must be a number of at least 1, got {value!r}')
    return TransferExperiment(
        path.stem,
        cfg.get('title', path.stem),
        methods,
        detectors,
        seeds,
        pretraining_seeds,
        cfg.get('counts', {}),
        tuple(digits) if digits else None,
        tuple(cfg.get('published', ())),
        read_measures(path, cfg),
    )


def _read_detectors(
    path: Path, entries: dict[str, Any], methods: dict[str, Path | None]
) -> dict[str, Detector]:
    detectors = {}
    for name, entry in entries.items():
        where = f'{path}: detectors[{name!r}]'
        if not isinstance(entry, dict):
            raise ValueError(f'{where} must be a dict of config and metrics, got {entry!r}')
        check_keys(where, entry, {'config', 'metrics'}, _DETECTOR_KEYS)
        check_types(where, entry, {'config': str, 'methods': (list, tuple)})
        if not isinstance(entry['metrics'], dict) or not entry['metrics']:
            raise ValueError(
                f"{where}.metrics must be a dict of labels and keys, such as {{'mAP': 'coco/bbox_mAP'}}, "
                f'got {entry["metrics"]!r}'
            )
        if not isinstance(entry.get('options', {}), dict):
            raise ValueError(f'{where}.options must be a dict of overrides, got {entry["options"]!r}')
        unknown = set(entry.get('methods') or ()) - set(methods)
        if unknown:
            raise ValueError(f'{where}.methods names {sorted(unknown)[0]!r}, not among methods')
        detectors[name] = Detector(
            name,
            beside(path, entry['config']),
            dict(entry['metrics']),
            dict(entry.get('options', {})),
            tuple(entry.get('methods') or methods),
        )
    return detectors


def problems_of(experiment: TransferExperiment, processes: int) -> list[str]:
    """All that keeps an experiment from starting, one line each.

    Args:
        experiment: The experiment.
        processes: How many share the batch of a training.
    """
    found, unbuilt = experiment.missing_configs(), []
    methods = {name: path for name, path in experiment.methods.items() if path and path.is_file()}
    chosen = [detector for detector in experiment.detectors.values() if detector.config.is_file()]
    for name, path in methods.items():
        unbuilt += unbuildable(f'methods[{name!r}]', path, {})
    for detector in chosen:
        unbuilt += unbuildable(f'detectors[{detector.name!r}]', detector.config, detector.options)
    if unbuilt:
        return found + unbuilt
    configs = [read_config(path, {}) for path in methods.values()]
    detectors = []
    for detector in chosen:
        cfg = read_config(detector.config, detector.options)
        detectors.append(cfg)
        missing = check_metrics(cfg, detector.metrics)
        found += [f'detectors[{detector.name!r}].{problem}' for problem in missing]
        found += check_frequencies(experiment.measures, cfg)
        found += overruled(f'detectors[{detector.name!r}]', cfg)
    found += uneven_batches(configs + detectors, processes)
    # The data of digits are written when it starts.
    return found + check_data(configs + ([] if experiment.digits else detectors), experiment.counts)
