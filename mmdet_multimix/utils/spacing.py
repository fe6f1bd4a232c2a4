"""Some of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar('T')


def evenly_spaced(items: Sequence[T], number: int | None) -> Sequence[T]:
    """So many of some items, evenly spaced; all of them where no number is given or there are no more."""
    if number is None or number >= len(items):
        return items
    return [items[index * len(items) // number] for index in range(number)]
