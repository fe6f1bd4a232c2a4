"""A comparison of pretraining methods: which are trained, on how many images, and how each is tuned.

An experiment file is a config of its own, such as `configs/compare/digits.py`:

* `methods`: names and dicts of `config`, relative to the file, and `candidates`, names and overrides. Every
  method has equally many candidates; the first method is what the cost of the others is compared with.
* `images_per_class`: numbers of training images of each class, or a dict of them with the overrides that go
  with each (a longer schedule for fewer images).
* `seeds`: how often the chosen candidate is trained with each number of images, with seeds 0, 1, ...
* `tuning`: a dict of `images_per_class`, one of those above; `seeds`, other ones than the final runs have;
  and `validation`, the range `(start, stop)` of the images of each class *of the training set* by which
  candidates are compared. The test set has no part in it. Not needed where all have one candidate.
* `measures`: of `tools/evaluate.py`; all of them by default.
* `attack_images`: how many test images are attacked, evenly spaced (optional; all of them).
* `ood`: names and folders of images from outside the distribution (optional).
* `options`: overrides for every run (optional).
* `title` (optional).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS

from mmdet_multimix.evaluation.settings import MEASURES, Settings
from mmdet_multimix.utils.registered import arguments_of, registered

from .experiment_file import beside, check_keys, check_names, check_types, many, read_experiment, slug
from .overrides import read_config

_KEYS = {'methods', 'images_per_class', 'seeds'}
_OPTIONAL = {'title', 'tuning', 'measures', 'attack_images', 'ood', 'options'}
_TYPES = {
    'title': str,
    'methods': dict,
    'tuning': dict,
    'measures': (list, tuple),
    'ood': dict,
    'options': dict,
}
_TUNING_KEYS = {'images_per_class', 'seeds', 'validation'}
_TRAIN_RANGE = 'train_dataloader.dataset.per_class'
_OF_ITS_OWN = ('transforms', 'per_class')  # what a validation set does not share with the training set


@dataclass(frozen=True)
class Method:
    """A method, and the overrides of each of its candidates."""

    name: str
    config: Path
    candidates: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Tuning:
    """How candidates are compared; see this module."""

    images_per_class: int
    validation: tuple[int, int]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """A candidate, trained once: `name` is that of its cell in the plan."""

    name: str
    method: Method
    candidate: str
    seed: int


@dataclass(frozen=True)
class FinalCell:
    """The chosen candidate of a method, trained once: `name` is that of its cell in the plan."""

    name: str
    method: Method
    images_per_class: int
    seed: int


@dataclass(frozen=True)
class Comparison:
    """What an experiment file says, checked; see this module."""

    name: str
    title: str
    methods: dict[str, Method]
    images_per_class: dict[int, dict[str, Any]]
    seeds: int
    tuning: Tuning | None
    measures: tuple[str, ...]
    attack_images: int | None
    ood: dict[str, Path]
    options: dict[str, Any]

    @property
    def baseline(self) -> Method:
        """The method that the cost of the others is compared with."""
        return next(iter(self.methods.values()))

    def num_images(self, images_per_class: int) -> int:
        """How many training images there are in all."""
        return images_per_class * read_config(self.baseline.config, {}).model.head.num_classes

    def about(self) -> str:
        """What it compares, in words."""
        attacked = f'; {self.attack_images} images are attacked' if self.attack_images else ''
        lines = [
            self.title,
            f'{many(len(self.methods), "method")}, {many(len(self.baseline.candidates), "candidate")} each, '
            f'{many(self.seeds, "seed")}',
            f'measures: {", ".join(self.measures)}{attacked}',
        ]
        if self.tuning and self.trials():
            start, stop = self.tuning.validation
            seeds = ', '.join(map(str, self.tuning.seeds))
            lines.append(
                f'candidates are compared on images {start} to {stop - 1} of each class of the training set, '
                f'seeds {seeds}'
            )
        lines += [f'{name}: {" | ".join(method.candidates)}' for name, method in self.methods.items()]
        return '\n'.join(lines)

    def missing_configs(self) -> list[str]:
        """A line for each config that is named and not there."""
        named = [(f'methods[{name!r}]', method.config) for name, method in self.methods.items()]
        return [f'{key}: config {path} does not exist' for key, path in named if not path.is_file()]

    def select(self, names: list[str] | None) -> Comparison:
        """The same with some of its methods; None for all.

        Raises:
            ValueError: A name that is none of a method.
        """
        unknown = [name for name in names or () if name not in self.methods]
        if unknown:
            raise ValueError(f'no method {unknown[0]!r}; there are {", ".join(map(repr, self.methods))}')
        kept = {name: method for name, method in self.methods.items() if names is None or name in names}
        return replace(self, methods=kept)

    def trials(self) -> list[Trial]:
        """All candidates with all seeds, where there is anything to choose."""
        return [
            Trial(f'tune/{slug(method.name)}/{index}_{slug(candidate)}/seed{seed}', method, candidate, seed)
            for method in self.methods.values()
            for index, candidate in enumerate(method.candidates)
            for seed in (self.tuning.seeds if self.tuning and len(method.candidates) > 1 else ())
        ]

    def cells(self) -> list[FinalCell]:
        """All of them: the first seed of every method and number of images, then the second."""
        return [
            FinalCell(f'final/{count}_per_class/{slug(method.name)}/seed{seed}', method, count, seed)
            for seed in range(self.seeds)
            for count in self.images_per_class
            for method in self.methods.values()
        ]

    def choice_name(self, method: Method) -> str:
        """The name of the cell that chooses the candidate of a method."""
        return f'tune/{slug(method.name)}/choice'

    def trial_options(self, trial: Trial) -> dict[str, Any]:
        """Overrides that train a candidate, and validate it, once, on the training set's other images."""
        chosen = trial.method.candidates[trial.candidate]
        options = self._options(self.tuning.images_per_class, trial.seed, chosen)
        cfg = read_config(trial.method.config, options)
        train, validation = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
        same = {
            key: value for key, value in _images_of(train, validation).items() if validation.get(key) != value
        }
        for loader in ('val_dataloader', 'test_dataloader'):
            for key, value in {**same, 'per_class': self.tuning.validation}.items():
                options[f'{loader}.dataset.{key}'] = value
        options['train_cfg.val_interval'] = cfg.train_cfg.max_epochs
        return options

    def cell_options(self, cell: FinalCell, candidate: str) -> dict[str, Any]:
        """Overrides that train a candidate for good; it is validated on the test set, as the papers do."""
        return self._options(cell.images_per_class, cell.seed, cell.method.candidates[candidate])

    def _options(self, count: int, seed: int, candidate: dict[str, Any]) -> dict[str, Any]:
        size = {**self.images_per_class[count], _TRAIN_RANGE: (0, count), 'randomness.seed': seed}
        return {**self.options, **size, **candidate}


def _images_of(train: dict[str, Any], validation: dict[str, Any]) -> dict[str, Any]:
    """What a validation set needs to be of the training set's images: also what that one has by default."""
    left_out = validation.keys() - train.keys() - set(_OF_ITS_OWN)
    kind = registered(train['type'], DATASETS) if left_out else None
    found = {key: value for key, value in train.items() if key not in _OF_ITS_OWN}
    return found | {key: _default_of(kind, key) for key in sorted(left_out) if not key.startswith('_')}


def _default_of(kind: type | None, key: str) -> Any:
    parameter = arguments_of(kind).get(key)
    if parameter is not None and parameter.default is not parameter.empty:
        return parameter.default
    raise ValueError(
        f'val_dataloader.dataset has {key}, which train_dataloader.dataset lacks: write it there, too, as '
        'candidates are compared on images of the training set'
    )


def load_comparison(path: str | Path) -> Comparison:
    """Reads an experiment file.

    Raises:
        ValueError: It is not there, or a key is missing, unknown or does not fit the others.
    """
    path = Path(path)
    cfg = read_experiment(path, 'configs/compare').to_dict()
    check_keys(str(path), cfg, _KEYS, _OPTIONAL)
    check_types(str(path), cfg, _TYPES)
    seeds, sizes = cfg['seeds'], cfg['images_per_class']
    if not isinstance(sizes, (dict, list, tuple)) or not sizes:
        raise ValueError(f'{path}: images_per_class must be a tuple of numbers, and not empty, got {sizes!r}')
    sizes = dict(sizes) if isinstance(sizes, dict) else {count: {} for count in sizes}
    check_types(f'{path}: images_per_class', sizes, dict.fromkeys(sizes, dict))
    for key, value in (('seeds', seeds), *(('images_per_class', count) for count in sizes)):
        if type(value) is not int or value < 1:
            raise ValueError(f'{path}: {key} must be a number of at least 1, got {value!r}')
    methods = _read_methods(path, cfg['methods'])
    tuning = _read_tuning(path, cfg.get('tuning'), sizes, seeds)
    if tuning is None and len(next(iter(methods.values())).candidates) > 1:
        raise ValueError(f'{path}: the methods have several candidates each, so it needs tuning')
    # Corruptions would take longer than all the rest together: they are measured where they are asked for.
    measures = tuple(cfg.get('measures') or [name for name in MEASURES if name != 'corruptions'])
    check_types(f'{path}: ood', cfg.get('ood') or {}, dict.fromkeys(cfg.get('ood') or {}, str))
    ood = {name: Path(folder) for name, folder in (cfg.get('ood') or {}).items()}
    if 'accuracy' not in measures:
        raise ValueError(f'{path}: measures must have accuracy among them, got {measures}')
    try:
        Settings(measures, ood, attack_images=cfg.get('attack_images'))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return Comparison(
        path.stem,
        cfg.get('title', path.stem),
        methods,
        sizes,
        seeds,
        tuning,
        measures,
        cfg.get('attack_images'),
        ood,
        cfg.get('options') or {},
    )


def _read_methods(path: Path, entries: dict[str, dict]) -> dict[str, Method]:
    methods = {}
    for name, entry in entries.items():
        where = f'{path}: methods[{name!r}]'
        check_keys(where, entry, {'config', 'candidates'}, set())
        check_types(where, entry, {'config': str, 'candidates': dict})
        if not entry['config'] or entry['candidates'] is None:
            raise ValueError(f'{where} needs config and candidates, got {entry!r}')
        check_types(f'{where}.candidates', entry['candidates'], dict.fromkeys(entry['candidates'], dict))
        methods[name] = Method(name, beside(path, entry['config']), dict(entry['candidates']))
    counts = {name: len(method.candidates) for name, method in methods.items()}
    if not methods or 0 in counts.values():
        raise ValueError(f'{path}: there must be a method, and every method must have a candidate')
    if len(set(counts.values())) > 1:
        raise ValueError(f'{path}: no method may be tuned less than another, but candidates are {counts}')
    check_names(f'{path}: methods', methods)
    for method in methods.values():
        check_names(f'{path}: methods[{method.name!r}].candidates', method.candidates)
    return methods


def _read_tuning(path: Path, entry: dict | None, sizes: dict[int, dict], seeds: int) -> Tuning | None:
    if entry is None:
        return None
    where = f'{path}: tuning'
    check_keys(where, entry, _TUNING_KEYS, set())
    check_types(where, entry, {'images_per_class': int, 'seeds': (list, tuple), 'validation': (list, tuple)})
    if len(entry['validation']) != 2 or not all(type(end) is int for end in entry['validation']):
        raise ValueError(f'{where}.validation must be a range (start, stop), got {entry["validation"]!r}')
    if not all(type(seed) is int and seed >= 0 for seed in entry['seeds']):
        raise ValueError(f'{where}.seeds must be whole numbers, got {entry["seeds"]!r}')
    count, (start, stop) = entry['images_per_class'], entry['validation']
    if count not in sizes:
        raise ValueError(f'{where}.images_per_class is {count}, not among {sorted(sizes)}')
    if not count <= start < stop:
        raise ValueError(
            f'{where}.validation=({start}, {stop}) must be a range of images behind the first {count} of '
            'each class, which are trained on'
        )
    shared = sorted(set(entry['seeds']) & set(range(seeds)))
    if shared or not entry['seeds']:
        raise ValueError(f'{where}.seeds must be others than those of the final runs, 0 to {seeds - 1}')
    return Tuning(count, (start, stop), tuple(entry['seeds']))
