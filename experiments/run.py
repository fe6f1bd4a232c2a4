"""One training and its evaluation, through the command line tools, as a step that can be repeated safely."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from mmdet_multimix.utils.locks import locked, wait_for_workers

from .launch import Launcher
from .progress import Progress
from .scalars import last_iteration, logged_seconds

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
_POLL = 0.5  # seconds between two looks at a running command
_SAVE_EVERY = 10  # seconds of training that a kill may lose from the count
_TAIL = 25  # lines of the log shown when a command fails


class RunFailedError(RuntimeError):
    """A command ended with an error; the message holds the end of its log."""


def set_aside(folder: Path) -> Path:
    """Renames a folder to the first free of `NAME.old1`, `NAME.old2`, ..., which it returns."""
    taken = {path.name for path in folder.parent.iterdir()}
    number = next(n for n in itertools.count(1) if f'{folder.name}.old{n}' not in taken)
    return folder.rename(folder.with_name(f'{folder.name}.old{number}'))


@dataclass
class Run:
    """A config trained in a work dir of its own.

    A finished run is not repeated; an interrupted one goes on at its last checkpoint; one whose config,
    options or input checkpoints have changed starts anew, beside what it was.

    Attributes:
        config: Config file.
        work_dir: Where it trains.
        options: Overrides, as `--cfg-options` takes them.
        title: For the progress display.
        inputs: Files that the result depends on beside the config, such as the initial backbone.
        launcher: How its processes are started; a run may go on with another one.
    """

    config: Path
    work_dir: Path
    options: dict[str, object] = field(default_factory=dict)
    title: str = ''
    inputs: tuple[Path, ...] = ()
    launcher: Launcher = field(default_factory=Launcher)

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint that was written."""
        return Path((self.work_dir / 'last_checkpoint').read_text().strip())

    @property
    def seconds(self) -> float:
        """Wall time of the training, interruptions not counted."""
        return self._state()['seconds']

    @property
    def processes(self) -> list[int]:
        """How many processes shared its batch; several numbers where it went on with another launcher."""
        return self._state().get('processes', [])

    def train(self, progress: Progress) -> bool:
        """Trains unless that is done; returns whether there was anything to do.

        Raises:
            RunFailedError: The training ended with an error.
        """
        with locked(self.work_dir, on_wait=lambda: progress.wait(f'{self.work_dir} is in use')) as lock:
            wait_for_workers(
                self.work_dir, lambda: progress.wait(f'processes of a killed driver work in {self.work_dir}')
            )
            return self._train(progress, lock)

    def _train(self, progress: Progress, lock: int) -> bool:
        fingerprint = self._fingerprint()
        state = self._state()
        if state.get('fingerprint') != fingerprint:
            if self.work_dir.exists():
                progress.note(f'{self.title} has changed: what it was is kept in {set_aside(self.work_dir)}')
            self.work_dir.mkdir(parents=True)
            state = {'fingerprint': fingerprint, 'seconds': 0.0, 'trained': False}
            self._save(state)
        if state['trained']:
            return False
        state['processes'] = sorted({*state.get('processes', ()), self.launcher.gpus})
        progress.start(f'train {self.title}')
        loop = self.read_config().train_cfg
        start, before, saved = time.monotonic(), state['seconds'], 0.0

        def watch() -> None:
            nonlocal saved
            state['seconds'] = before + time.monotonic() - start
            if state['seconds'] - saved > _SAVE_EVERY:
                saved = state['seconds']
                self._save(state)
            self._show(progress, loop)

        try:
            self._call(['train.py', self.config, '--resume', *self._placed], 'train.log', watch, lock)
            state['trained'] = True
        finally:
            # A training that outlived its driver has gone on where nobody counted.
            state['seconds'] = max(before + time.monotonic() - start, logged_seconds(self.work_dir))
            self._save(state)
        return True

    def test(self, *arguments: str | Path) -> dict[str, float]:
        """Evaluates the last checkpoint with `tools/test.py`; returns its metrics.

        Raises:
            RunFailedError: The evaluation ended with an error.
        """
        state = self._state()
        if 'metrics' not in state:
            command = ['test.py', self.config, self.checkpoint, *self._placed, *arguments]
            self._call(command, 'test.log', lambda: None)
            newest = max(self.work_dir.glob('*/*.json'), key=lambda path: path.stat().st_mtime)
            state['metrics'] = json.loads(newest.read_text())
            self._save(state)
        return state['metrics']

    def evaluate(self, *arguments: str | Path) -> dict:
        """Measures the last checkpoint of a classifier with `tools/evaluate.py`; returns its report.

        Args:
            *arguments: Options of that tool but `--out`, which is the folder `evaluation` of the work dir.

        Raises:
            RunFailedError: The evaluation ended with an error.
        """
        out = self.work_dir / 'evaluation'
        command = ['evaluate.py', self.config, self.checkpoint, '--out', out, *arguments]
        self._call(command, 'evaluate.log', lambda: None)
        return json.loads((out / 'report.json').read_text())

    @property
    def _placed(self) -> list[str]:
        """Options that training and test share."""
        return ['--work-dir', str(self.work_dir), *self.launcher.flags]

    def _call(self, command: list, log: str, watch: Callable[[], None], lock: int | None = None) -> None:
        tool, *rest = command
        try:
            shares = self.launcher.batch_options(self.read_config()) if tool == 'train.py' else {}
        except ValueError as error:
            raise RunFailedError(f'{self.title}: {error}') from error
        options = [f'{key}={value}' for key, value in {**self.options, **shares}.items()]
        arguments = [str(part) for part in rest]
        if options:
            arguments += ['--cfg-options', *options]
        path = self.work_dir / log
        with path.open('a') as out:
            # With the lock, a killed driver's training keeps others out.
            process = self.launcher.start(TOOLS / tool, arguments, work_dir=self.work_dir, log=out, lock=lock)
            try:
                while process.poll() is None:
                    watch()
                    time.sleep(_POLL)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if process.returncode:
            tail = '\n'.join(path.read_text(errors='replace').splitlines()[-_TAIL:])
            raise RunFailedError(
                f'{self.title} failed (exit {process.returncode}); {path} ends with:\n{tail}'
            )

    def _show(self, progress: Progress, loop: dict) -> None:
        entry = last_iteration(self.work_dir)
        if loop.get('max_epochs'):
            share = max(entry.get('epoch', 1) - 1, 0) / loop.max_epochs  # the current one, counted from 1
        else:
            share = entry.get('step', 0) / loop.max_iters
        progress.update(min(share, 1.0), f'loss {entry["loss"]:.3f}' if 'loss' in entry else '')

    def read_config(self) -> Config:
        """The config with its overrides."""
        cfg = Config.fromfile(self.config)
        cfg.merge_from_dict(self.options)
        return cfg

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(Config.fromfile(self.config).pretty_text.encode())
        digest.update(json.dumps(self.options, sort_keys=True, default=str).encode())
        for path in self.inputs:
            digest.update(Path(path).read_bytes())
        return digest.hexdigest()

    def _state(self) -> dict:
        path = self.work_dir / 'run.json'
        return json.loads(path.read_text()) if path.exists() else {}

    def _save(self, state: dict) -> None:
        partial = self.work_dir / 'run.json.part'
        partial.write_text(json.dumps(state, indent=1))
        partial.replace(self.work_dir / 'run.json')
