"""What a driver shows while it works."""

from __future__ import annotations

import sys
import time

import rich.progress

_PLAIN_EVERY = 20  # seconds between two lines where there is no terminal


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
        self.note(f'{shown}: {note}')

    def skip(self, count: int) -> None:
        """Counts runs that were done before."""
        self._done += count

    def note(self, text: str) -> None:
        """Says something that stays."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def wait(self, reason: str) -> None:
        """Says, once for each reason, that something else has to end first."""
        if reason != self._waiting:
            self._waiting = reason
            self.note(f'waiting: {reason}')
