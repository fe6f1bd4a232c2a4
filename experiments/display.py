"""What a front end shows while cells run: how many are done, and how far the running ones are."""

from __future__ import annotations

import sys
import time

import rich.progress

from .locks import is_locked
from .plan import Cell, Plan
from .scalars import last_iteration

_PLAIN_EVERY = 20  # seconds between two lines where there is no terminal


class Display:
    """Bars on a terminal, a line now and then elsewhere.

    Args:
        plan: The cells.
        done: How many were done before.
    """

    def __init__(self, plan: Plan, done: int) -> None:
        self._plan, self._done, self._total = plan, done, len(plan.cells)
        self._terminal = sys.stdout.isatty()
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn('{task.description:<44}'),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn('{task.fields[note]}'),
            disable=not self._terminal,
        )
        self._whole = self._bars.add_task('cells', total=self._total, completed=done, note='')
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def finish(self, cell: Cell, note: str) -> None:
        """Says what came out of a cell, on a line that stays."""
        self._done += 1
        self.say(f'[{self._done}/{self._total}] {cell.title}: {note}')
        self._bars.update(self._whole, completed=self._done)

    def say(self, text: str) -> None:
        """Says something that stays."""
        if self._terminal:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def update(self, waiting: set[str]) -> None:
        """Shows how far the cells are that run now.

        Args:
            waiting: Names of those that have no result yet.
        """
        running = {}
        if self._terminal or time.monotonic() - self._last_line > _PLAIN_EVERY:
            running = {name: self._state(name) for name in sorted(waiting) if self._runs(name)}
        for name in set(self._tasks) - set(running):
            self._bars.remove_task(self._tasks.pop(name))
        for name, (share, note) in running.items():
            if not self._terminal:
                self._last_line = time.monotonic()
                self.say(f'    {self._plan.cells[name].title}: {share:.0%} {note}')
                continue
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(self._plan.cells[name].title, total=1, note='')
            self._bars.update(self._tasks[name], completed=share, note=note)

    def _runs(self, name: str) -> bool:
        return is_locked(self._plan.lock_file(name))

    def _state(self, name: str) -> tuple[float, str]:
        """How far a training is, in [0, 1], and its loss."""
        cell, entry = self._plan.cells[name], last_iteration(self._plan.root / name)
        if cell.length is None or not entry:
            return 0.0, ''
        unit, end = cell.length
        # The current epoch is counted from 1.
        share = max(entry.get('epoch', 1) - 1, 0) / end if unit == 'epoch' else entry.get('step', 0) / end
        return min(share, 1.0), f'loss {entry["loss"]:.3f}'
