"""What a front end shows while cells run: how many are done, and how far the running ones are."""

from __future__ import annotations

import sys
import time

import rich.progress

from .locks import is_locked
from .plan import Cell, Plan
from .scalars import last_iteration

_LINE_EVERY = 20  # seconds between two lines where there is no terminal


class Display:
    """Bars on a terminal, a line now and then elsewhere.

    Args:
        plan: The cells.
        done: How many were done before.
    """

    def __init__(self, plan: Plan, done: int) -> None:
        self._plan = plan
        self._terminal = sys.stdout.isatty()
        columns = ('{task.description:<44}', rich.progress.BarColumn(), '{task.percentage:>3.0f}%')
        self._bars = rich.progress.Progress(
            *columns, rich.progress.TimeElapsedColumn(), '{task.fields[note]}', disable=not self._terminal
        )
        self._all = self._bars.add_task('cells', total=len(plan.cells), completed=done, note='')
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._since: dict[str, tuple[float, float]] = {}  # when a cell was seen first, and how far it was
        self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def finish(self, cell: Cell, note: str, done: int) -> None:
        """Says what came out of a cell, the `done`-th one, on a line that stays."""
        text = f'[{done}/{len(self._plan.cells)}] {cell.title}: {note}'
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._bars.update(self._all, completed=done)

    def update(self, waiting: set[str]) -> None:
        """Shows how far the cells are that run now, of those that have no result yet."""
        if not self._terminal and time.monotonic() - self._last_line < _LINE_EVERY:
            return
        running = sorted(name for name in waiting if is_locked(self._plan.lock_file(name)))
        for name in set(self._tasks) - set(running):
            self._bars.remove_task(self._tasks.pop(name))
        for name in running:
            title, (share, note) = self._plan.cells[name].title, self._state(name)
            begun, at = self._since.setdefault(name, (time.monotonic(), share))
            note += time_left(time.monotonic() - begun, share - at, 1 - share)
            if not self._terminal:
                self._last_line = time.monotonic()
                print(f'    {title}: {share:.0%} {note}', flush=True)
            elif name not in self._tasks:
                self._tasks[name] = self._bars.add_task(title, total=1, completed=share, note=note)
            else:
                self._bars.update(self._tasks[name], completed=share, note=note)

    def _state(self, name: str) -> tuple[float, str]:
        """How far a training is, in [0, 1], and its loss."""
        entry = last_iteration(self._plan.root / name)
        unit, end = self._plan.cells[name].length or ('step', 1)
        # The current epoch is counted from 1.
        share = max(entry.get('epoch', 1) - 1, 0) / end if unit == 'epoch' else entry.get('step', 0) / end
        return min(share, 1.0), f'loss {entry["loss"]:.3f}' if entry else ''


def time_left(seconds: float, done: float, left: float) -> str:
    """What to say of the time that a cell still takes; nothing until a part of it is done.

    Args:
        seconds: That the part took which was done meanwhile.
        done: This part, as a share of all.
        left: The share that is left.
    """
    if done < 0.02 or left <= 0:
        return ''
    wanted = seconds / done * left
    return f', about {wanted / 60:.0f} min left' if wanted >= 90 else f', about {max(wanted, 1):.0f} s left'
