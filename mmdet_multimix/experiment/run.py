"""One training and its evaluation, through the command line tools, as a step that can be repeated safely."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import rich.progress
from mmengine.config import Config

from .launch import Launcher
from .locks import locked
from .scalars import last_iteration

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
_POLL = 0.5  # seconds between two looks at a running command
_PLAIN_EVERY = 20  # seconds between two lines where there is no terminal
_SAVE_EVERY = 10  # seconds of training that a kill may lose from the count
_TAIL = 25  # lines of the log shown when a command fails


class RunFailedError(RuntimeError):
    """A command ended with an error; the message holds the end of its log."""


class Progress:
    """Shows what is running: a bar on a terminal, a line now and then elsewhere.

    Args:
        total: How many runs there will be.
    """

    def __init__(self, total: int) -> None:
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn('{task.description:<34}'),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn('{task.fields[note]}'),
            disable=not sys.stdout.isatty(),
        )
        self._total = total
        self._done = 0
        self._last_line = 0.0
        self._waiting = ''

    def __enter__(self) -> Progress:
        self._bar.start()
        self._task = self._bar.add_task('', total=1, note='')
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.stop()

    def start(self, title: str) -> None:
        """Names what runs now."""
        self._title = f'[{self._done + 1}/{self._total}] {title}'
        self._last_line = time.monotonic()
        self._bar.reset(self._task, description=self._title, total=1, note='')
        if self._bar.disable:
            print(f'{self._title} ...', flush=True)

    def update(self, share: float, note: str = '') -> None:
        """Shows how far it is, in [0, 1], and a short note."""
        self._bar.update(self._task, completed=share, note=note)
        if self._bar.disable and time.monotonic() - self._last_line > _PLAIN_EVERY:
            self._last_line = time.monotonic()
            print(f'{self._title}: {share:.0%} {note}', flush=True)

    def finish(self, note: str, title: str | None = None) -> None:
        """Says what came out, on a line that stays, of what was started last or of `title`."""
        shown = self._title if title is None else f'[{self._done + 1}/{self._total}] {title}'
        self._done += 1
        self._bar.update(self._task, completed=1)
        self._bar.console.print(f'{shown}: {note}', markup=False, highlight=False)

    def skip(self, count: int) -> None:
        """Counts runs that were done before."""
        self._done += count

    def wait(self, reason: str) -> None:
        """Says, once for each reason, that something else has to end first."""
        if reason != self._waiting:
            self._waiting = reason
            self._bar.console.print(f'waiting: {reason}', markup=False, highlight=False)


@dataclass
class Run:
    """A config trained in a work dir of its own.

    A finished run is not repeated; an interrupted one goes on at its last checkpoint; one whose config,
    options or input checkpoints have changed starts anew.

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

    def train(self, progress: Progress) -> bool:
        """Trains unless that is done; returns whether there was anything to do.

        Raises:
            RunFailedError: The training ended with an error.
        """
        with locked(self.work_dir, on_wait=lambda: progress.wait(f'{self.work_dir} is in use')) as lock:
            return self._train(progress, lock)

    def _train(self, progress: Progress, lock: int) -> bool:
        fingerprint = self._fingerprint()
        state = self._state()
        if state.get('fingerprint') != fingerprint:
            if self.work_dir.exists():
                shutil.rmtree(self.work_dir)
            self.work_dir.mkdir(parents=True)
            state = {'fingerprint': fingerprint, 'seconds': 0.0, 'trained': False}
            self._save(state)
        if state['trained']:
            return False
        progress.start(f'train {self.title}')
        loop = self._config().train_cfg
        start, before, saved = time.monotonic(), state['seconds'], 0.0

        def watch() -> None:
            nonlocal saved
            state['seconds'] = before + time.monotonic() - start
            if state['seconds'] - saved > _SAVE_EVERY:
                saved = state['seconds']
                self._save(state)
            self._show(progress, loop)

        try:
            self._call(['train.py', self.config, '--resume'], 'train.log', watch, lock)
            state['trained'] = True
        finally:
            state['seconds'] = before + time.monotonic() - start
            self._save(state)
        return True

    def test(self, *arguments: str | Path) -> dict[str, float]:
        """Evaluates the last checkpoint with `tools/test.py`; returns its metrics.

        Raises:
            RunFailedError: The evaluation ended with an error.
        """
        state = self._state()
        if 'metrics' not in state:
            self._call(['test.py', self.config, self.checkpoint, *arguments], 'test.log', lambda: None)
            newest = max(self.work_dir.glob('*/*.json'), key=lambda path: path.stat().st_mtime)
            state['metrics'] = json.loads(newest.read_text())
            self._save(state)
        return state['metrics']

    def _call(self, command: list, log: str, watch: Callable[[], None], lock: int | None = None) -> None:
        tool, *rest = command
        try:
            shares = self.launcher.batch_options(self._config()) if tool == 'train.py' else {}
        except ValueError as error:
            raise RunFailedError(f'{self.title}: {error}') from error
        options = [f'{key}={value}' for key, value in {**self.options, **shares}.items()]
        arguments = [str(part) for part in (*rest, '--work-dir', self.work_dir, *self.launcher.flags)]
        if options:
            arguments += ['--cfg-options', *options]
        path = self.work_dir / log
        with path.open('a') as out:
            process = subprocess.Popen(
                [*self.launcher.command(TOOLS / tool, self.work_dir.name), *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, 'PYTHONUNBUFFERED': '1'},
                pass_fds=() if lock is None else (lock,),  # a killed driver's training keeps others out
            )
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
            share = entry.get('epoch', 0) / loop.max_epochs
        else:
            share = entry.get('step', 0) / loop.max_iters
        progress.update(min(share, 1.0), f'loss {entry["loss"]:.3f}' if 'loss' in entry else '')

    def _config(self) -> Config:
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
