"""What `tools/evaluate.py` measures of the detectors of an experiment, beside their metric.

Files of sweeps and of transfers may have

* `calibration`: whether D-ECE, LaECE_0 and the NLL of every detector are measured; True by default.
* `post_hoc`: whether these errors are measured after a temperature and an isotonic curve, too, as
  `tools/evaluate.py` fits them; False by default.
* `frequencies`: whether the AP of rare, common and frequent classes is, where the categories of the
  annotations have LVIS's `frequency`; False by default.
* `robustness`: whether mPC is, the mean AP under corruptions; False by default. True takes all fifteen at
  five severities, which is the test set 75 times; a dict takes less: `corruptions` and `severities`, some of
  those of `tools/evaluate.py`, and `images`, how many images are corrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from mmengine.config import Config

from mmdet_multimix.checks import coco_file
from mmdet_multimix.checks.walk import data_sets
from mmdet_multimix.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from mmdet_multimix.evaluation.detection.boxes import FREQUENCIES
from mmdet_multimix.evaluation.detection.settings import DetectionSettings

from .experiment_file import check_keys, many
from .results import paired_gains, shown

KEYS = {'calibration', 'post_hoc', 'frequencies', 'robustness'}
_ROBUSTNESS_KEYS = {'corruptions', 'severities', 'images'}
_CALIBRATION = {'D-ECE': 'd_ece', 'LaECE': 'laece', 'NLL': 'nll'}
_POST_HOC = {
    f'{label}, {method}': f'{key}_{method}'
    for method in ('temperature', 'isotonic')
    for label, key in (('D-ECE', 'd_ece'), ('LaECE', 'laece'))
}
_FREQUENCIES = {f'AP {name}': f'mAP_{key}' for key, name in FREQUENCIES.items()}
_ROBUSTNESS = {'mPC': 'mpc'}
_COLUMNS = {
    'calibration': _CALIBRATION,
    'post_hoc': _POST_HOC,
    'frequencies': _FREQUENCIES,
    'robustness': _ROBUSTNESS,
}
_GAINS = _FREQUENCIES | _ROBUSTNESS
_ALL = {label: key for some in _COLUMNS.values() for label, key in some.items()}


@dataclass(frozen=True)
class Measures:
    """What is measured of every detector of an experiment; see this module.

    Attributes:
        calibration: Whether D-ECE, LaECE_0 and the NLL are.
        post_hoc: Whether the errors are after calibration by temperature and isotonic regression.
        frequencies: Whether the AP of rare, common and frequent classes is.
        robustness: Whether mPC is.
        corruptions: By which corruptions.
        severities: At which severities.
        images: Of how many images, evenly spaced over the test set; None means all.
    """

    calibration: bool = True
    post_hoc: bool = False
    frequencies: bool = False
    robustness: bool = False
    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    images: int | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Keys of results by what tables call them."""
        chosen = [some for name, some in _COLUMNS.items() if getattr(self, name)]
        return {label: key for some in chosen for label, key in some.items()}

    @property
    def without_fit(self) -> list[str]:
        """The columns of the detector as it was trained, without a fit afterwards."""
        return [label for label in self.columns if label not in _POST_HOC]

    @property
    def arguments(self) -> list[str]:
        """Those of `tools/evaluate.py`; none where it is not needed."""
        if not self.columns:
            return []
        found = ['--measures', 'ap', *(name for name in ('calibration', 'post_hoc') if getattr(self, name))]
        if self.robustness:
            found += ['corruptions', '--corruptions', *self.corruptions]
            found += ['--severities', *map(str, self.severities)]
            found += [] if self.images is None else ['--corrupted-images', str(self.images)]
        return found

    def about(self, metrics: Iterable[str]) -> str:
        """What is measured, in words.

        Args:
            metrics: What the evaluation of the config itself gives.
        """
        text = f'measured of each detector: {", ".join([*dict.fromkeys(metrics), *self.columns])}'
        return f'{text}; {self._mpc()}' if self.robustness else text

    def note(self) -> str:
        """What a reader of a table has to know of these columns; empty if there is none."""
        found = (
            'D-ECE, LaECE and NLL are errors: less is better.' if self.calibration or self.post_hoc else ''
        )
        return f'{found} {self._mpc()}.'.strip() if self.robustness else found

    def _mpc(self) -> str:
        images = 'all' if self.images is None else str(self.images)
        kinds = f'{many(len(self.corruptions), "corruption")} at {len(self.severities)} of 5 severities'
        return f'mPC is the mean AP (IoU 0.50:0.95) under {kinds}, of {images} test images'


def read_measures(path: object, cfg: Mapping[str, Any]) -> Measures:
    """The measures that an experiment file asks for.

    Args:
        path: The file, for messages.
        cfg: What is in it.

    Raises:
        ValueError: A value is not one of those above, corruptions need a package that is not there, or digits
            that the experiment writes have no rare classes.
    """
    flags = {key: cfg.get(key, key == 'calibration') for key in ('calibration', 'post_hoc', 'frequencies')}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(f'{path}: {key} must be True or False, got {value!r}')
    if flags['frequencies'] and (cfg.get('digits') or cfg.get('data') == 'digits'):
        raise ValueError(f'{path}: frequencies is True, but the digits that it writes are balanced')
    robustness = cfg.get('robustness', False)
    if not isinstance(robustness, (bool, dict)):
        raise ValueError(
            f'{path}: robustness must be True, False, or a dict of corruptions, severities and images, '
            f'got {robustness!r}'
        )
    chosen = robustness if isinstance(robustness, dict) else {}
    check_keys(f'{path}: robustness', chosen, set(), _ROBUSTNESS_KEYS)
    for key in ('corruptions', 'severities'):
        if not isinstance(chosen.get(key, ()), (list, tuple)):
            raise ValueError(f'{path}: robustness.{key} must be a list, got {chosen[key]!r}')
    images = chosen.get('images')
    if images is not None and (type(images) is not int or images < 1):
        raise ValueError(f'{path}: robustness.images must be a number of at least 1, got {images!r}')
    found = Measures(
        **flags,
        robustness=robustness is not False,
        corruptions=tuple(dict.fromkeys(chosen.get('corruptions', CORRUPTIONS))),
        severities=tuple(dict.fromkeys(chosen.get('severities', SEVERITIES))),
        images=images,
    )
    if found.robustness:
        try:
            DetectionSettings(('corruptions',), corruptions=found.corruptions, severities=found.severities)
        except ValueError as error:
            raise ValueError(f'{path}: robustness: {error}') from error
    return found


def check_frequencies(measures: Measures, cfg: Config) -> list[str]:
    """A line for each test set whose classes have no frequencies to measure by.

    Args:
        measures: What is measured.
        cfg: Config of a detector.
    """
    files = [data.annotations for data in data_sets(cfg, ('test_dataloader',)) if measures.frequencies]
    return [
        f"frequencies is True, but no category of {path} has LVIS's frequency: leave the key out"
        for path in files
        if path and path.is_file() and not coco_file.mentions(path, 'frequency')
    ]


def results_of(measures: Mapping[str, Any]) -> dict[str, float | None]:
    """What a cell keeps of the measures in `report.json`."""
    afterwards = {
        f'{key}_{method}': value
        for method, values in measures.get('post_hoc', {}).items()
        for key, value in values.items()
    }
    found = {**measures.get('ap', {}), **measures, **afterwards}
    return {key: value for key, value in found.items() if key in _ALL.values()}


def add_changes(runs: pd.DataFrame, by: str, measures: Measures, baseline: str) -> None:
    """Adds to a table of runs how much each measure differs from that of the baseline, seed by seed."""
    for key in measures.columns.values():
        runs[_change(key)] = paired_gains(runs, by, key, baseline)


def summaries(found: Mapping[str, Any], measures: Measures) -> dict[str, dict[str, Any] | None]:
    """Of one row: for each column what `summarise` gives, with that of the changes as `change`.

    Args:
        found: What `summarise_by` gives of runs with changes.
        measures: The columns.
    """
    return {
        label: found[key] and {**found[key], 'change': found[_change(key)]}
        for label, key in measures.columns.items()
    }


def headers(measures: Measures) -> dict[str, str]:
    """Columns of a table, and what stands above them; more AP is a gain, more of an error is none."""
    found = {}
    for label, key in measures.columns.items():
        found |= {key: label, _change(key): 'gain' if label in _GAINS else 'change'}
    return found


def texts(found: Mapping[str, dict[str, Any] | None]) -> dict[str, str]:
    """The summaries of one row as texts of these columns."""
    row = {}
    for label, summary in found.items():
        key = _ALL[label]
        change = summary and summary['change']
        row |= {key: shown(summary), _change(key): shown(change, spread='error', sign='+')}
    return row


def _change(key: str) -> str:
    return f'change of {key}'
