"""Shows how far long work is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, track
from rich.progress import Progress as Bar

T = TypeVar('T')
_LINE_EVERY = 20  # seconds between two lines where there is no terminal


def show_progress(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Pass items on, and show how many there were: a bar on a terminal, elsewhere a line now and then.

    Args:
        items: What is looped over.
        title: What the loop does.
        total: The number of items.
    """
    if sys.stdout.isatty():
        yield from track(items, title, total=total, transient=True, console=Console())
        return
    print(f'{title} ...', flush=True)
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > _LINE_EVERY:
            last = time.monotonic()
            print(f'{title}: {done / total:.0%}', flush=True)
        yield item


class Progress:
    """Shows which of several steps runs, how far it is, and what came of each.

    Use as a context manager.

    Args:
        steps: The number of steps.
    """

    def __init__(self, steps: int) -> None:
        columns = (
            TextColumn('{task.description:<34}'),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        self._bar = Bar(*columns, disable=not sys.stdout.isatty())
        self._task = self._bar.add_task('', total=1)
        self._steps, self._step, self._title, self._last = steps, 0, '', 0.0

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.stop()

    def start(self, title: str) -> None:
        """Name the step that begins."""
        self._step += 1
        self._title, self._last = f'[{self._step}/{self._steps}] {title}', time.monotonic()
        self._bar.reset(self._task, description=self._title, total=1)
        if self._bar.disable:
            print(f'{self._title} ...', flush=True)

    def update(self, share: float, note: str = '') -> None:
        """Show how far the step is, in [0, 1]."""
        self._bar.update(self._task, completed=share, description=f'{self._title} {note}'.rstrip())
        if self._bar.disable and time.monotonic() - self._last > _LINE_EVERY:
            self._last = time.monotonic()
            print(f'{self._title}: {share:.0%} {note}'.rstrip(), flush=True)

    def finish(self, note: str) -> None:
        """Say what came of the step, on a line that stays."""
        self._bar.console.print(f'{self._title}: {note}', markup=False, highlight=False, soft_wrap=True)
