"""Shows how far a long loop is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import track

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
        yield from track(items, title, total=total, transient=True)
        return
    print(f'{title} ...', flush=True)
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last > _LINE_EVERY:
            last = time.monotonic()
            print(f'{title}: {done / total:.0%}', flush=True)
        yield item
