"""What the cells of each kind do: a training through the command line tools, and what it is measured by."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdet_multimix.checkpoints import find_latest, publish_backbone
from mmdet_multimix.checks import empty_result
from mmdet_multimix.utils.provenance import git_commit, versions

from .data_state import data_state, forget
from .launch import batch_options, run_tool
from .measures import results_of
from .overrides import as_values, config_hash, read_config
from .plan import Cell, read_json, write_json
from .scalars import last_scalar, last_validation, logged_seconds, read_scalars

_ACCURACY = 'accuracy/top1'


def work(training: Training, settings: dict[str, Any]) -> dict[str, Any]:
    """Trains, and measures what was trained.

    Args:
        training: The training of a cell.
        settings: What its kind asks for: of `detect`, `metric`, the key that sums the detector up,
            `validated`, whether the last validation of the training is its test, `predictions`, whether
            they are kept, and `arguments` of `tools/evaluate.py`, if it measures more; of `tune` and `final`,
            `arguments`; of `final`, `candidate`, the chosen one, and `best`, False where the best epoch of
            the log is not one on the test set.

    Returns:
        What was measured, and of every training `seconds`, `processes`, and `made_with`, the versions and the
        commit that trained it; `measured_with` where others measured it.

    Raises:
        ValueError: The config or its data are others than when the plan was made.
    """
    training.check_unchanged()
    training.train()
    measure = {'pretrain': _published, 'detect': _tested, 'tune': _validated, 'final': _measured}
    measured = measure[training.kind](training, settings)
    training.check_unchanged()  # they may have been edited in the hours between
    return {**measured, **training.record()}


class Training:
    """A config trained in a folder of its own.

    Args:
        cell: The cell.
        folder: Its folder, which has `run.json`, what is known of the training.
        options: Overrides, as `--cfg-options` takes them.
        processes: How many share its batch; a training may go on with another number.
        keep: Descriptors of the locks that its processes hold.
    """

    def __init__(
        self, cell: Cell, folder: Path, options: dict[str, str], processes: int, keep: Sequence[int]
    ) -> None:
        self.kind, self.title, self.folder = cell.kind, cell.title, folder
        self._config, self._hash, self._cell = Path(cell.config), cell.config_hash, cell
        self._options, self._processes, self._keep = options, processes, keep
        self._state_file = folder / 'run.json'
        self._state = read_json(self._state_file)

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint that was written, in this folder also where the work dir was moved or copied.

        Raises:
            FileNotFoundError: It is no longer there, or damaged; an earlier one would pass for it.
        """
        latest = find_latest(self.folder)
        if latest.path is None or latest.passed_over:
            reason = latest.passed_over[0] if latest.passed_over else 'it has none'
            raise FileNotFoundError(
                f'{self.folder} is trained, but its last checkpoint cannot be measured: {reason}; put it '
                'back, or delete the folder to train again'
            )
        return Path(latest.path)

    def config(self) -> Config:
        """The config with its overrides."""
        return read_config(self._config, as_values(self._options))

    def train(self) -> None:
        """Trains, or goes on, unless that is done.

        Raises:
            ValueError: The config cannot share its batch.
        """
        if self._state.get('trained'):
            return
        shares = {key: str(value) for key, value in batch_options(self.config(), self._processes).items()}
        processes = sorted({*self._state.get('processes', ()), self._processes})
        self._save(processes=processes, made_with=_made_with())
        start, before = time.monotonic(), self._state.get('seconds', 0.0)
        try:
            self._call('train.py', [self._config, '--resume', *self._placed], shares)
            self._state['trained'] = True
        finally:
            # A killed start has counted nothing, but left its logs.
            seconds = max(before + time.monotonic() - start, logged_seconds(self.folder))
            self._save(seconds=seconds)

    def check_unchanged(self) -> None:
        """Refuses what was edited after the plan was made: the result would pass for that of another.

        Raises:
            ValueError: The config was, or its data or the weights that it loads were.
        """
        if config_hash(self._config) != self._hash:
            raise ValueError(f'{self._config} has changed since the experiment was started: start it again')
        forget()
        cfg = read_config(self._config, as_values(self._cell.first_options))
        found = data_state(cfg, self._cell.inputs)
        if any(self._cell.data.get(part, state) != state for part, state in found.items()):
            raise ValueError(
                f'data or weights of {self._config} have changed since the experiment was started: start it '
                'again'
            )

    def test(self, options: dict[str, str]) -> dict[str, float]:
        """The metrics of the last checkpoint on the test set, with further overrides."""
        before = set(self.folder.glob('*/*.json'))
        self._call('test.py', [self._config, self.checkpoint, *self._placed], options)
        written = set(self.folder.glob('*/*.json')) - before
        newest = max(written or before, key=lambda path: path.stat().st_mtime)
        return json.loads(newest.read_text())

    def evaluate(self, arguments: Sequence[str]) -> dict[str, dict]:
        """The measures of the last checkpoint, by `tools/evaluate.py`, which goes on where it was stopped."""
        out = self.folder / 'evaluation'
        self._call('evaluate.py', [self._config, self.checkpoint, '--out', out, *arguments], alone=True)
        return json.loads((out / 'report.json').read_text())['measures']

    def record(self) -> dict[str, Any]:
        """What every result says of its training."""
        now = _made_with()
        made_with = self._state.get('made_with', now)  # a folder of an older version does not say it
        found = {key: self._state[key] for key in ('seconds', 'processes')} | {'made_with': made_with}
        return found if made_with == now else {**found, 'measured_with': now}

    @property
    def _placed(self) -> list[str]:
        return ['--work-dir', str(self.folder)]

    def _call(
        self, tool: str, arguments: list, options: dict[str, str] | None = None, alone: bool = False
    ) -> None:
        found = {**self._options, **(options or {})}
        rest = ['--cfg-options', *(f'{key}={value}' for key, value in found.items())] if found else []
        run_tool(tool, [*arguments, *rest], 1 if alone else self._processes, self._keep)

    def _save(self, **state: Any) -> None:
        self._state |= state
        write_json(self._state_file, self._state)


def _made_with() -> dict[str, Any]:
    return {**versions(), 'commit': git_commit()}


def _published(training: Training, settings: dict[str, Any]) -> dict[str, Any]:
    publish_backbone(training.checkpoint, training.folder / 'backbone.pth', force=True)
    values = [value for _, value in read_scalars(training.folder, _ACCURACY)]
    return {'top1': last_scalar(training.folder, _ACCURACY), 'top1_best': max(values)}


def _tested(training: Training, settings: dict[str, Any]) -> dict[str, Any]:
    metric = settings['metric']
    if settings.get('validated'):
        metrics = last_validation(training.folder)
    else:
        # Where COCO's metric is asked to, it writes what it measures; the demo draws it.
        outfile = {'test_evaluator.outfile_prefix': str(training.folder / 'predictions')}
        metrics = training.test(outfile if settings.get('predictions') else {})
    if metric not in metrics:  # a detector that finds nothing has no entry of some metrics
        metrics = {**empty_result(training.config()), **metrics}
    if metric not in metrics:
        raise ValueError(f'{training.title}: the evaluation gave no {metric!r}, but {", ".join(metrics)}')
    if settings.get('arguments'):
        metrics |= results_of(training.evaluate(settings['arguments']))
    return metrics


def _validated(training: Training, settings: dict[str, Any]) -> dict[str, Any]:
    accuracy = training.evaluate(settings['arguments'])['accuracy']
    return {'error': 100 - accuracy['top1'], 'nll': accuracy['nll']}


def _measured(training: Training, settings: dict[str, Any]) -> dict[str, Any]:
    """What is compared, as flat numbers; errors in percent."""
    measures = training.evaluate(settings['arguments'])
    accuracies = [value for _, value in read_scalars(training.folder, _ACCURACY)]
    found: dict[str, Any] = {
        'candidate': settings['candidate'],
        'error_best': 100 - max(accuracies) if accuracies and settings.get('best', True) else None,
        'error': 100 - measures['accuracy']['top1'],
        'nll': measures['accuracy']['nll'],
    }
    if 'calibration' in measures:
        found |= {'ece': measures['calibration']['ece'], 'bins': measures['calibration']['bins']}
    if 'ood' in measures:
        found['auroc'] = {name: values['auroc'] for name, values in measures['ood'].items()}
        found['ood'] = statistics.mean(found['auroc'].values())
    if 'embedding' in measures:
        found |= {key: measures['embedding'][key] for key in ('alignment', 'uniformity')}
    disturbed = ('fgsm', 'pgd', 'corruptions')
    return found | {name: 100 - measures[name]['top1'] for name in disturbed if name in measures}
