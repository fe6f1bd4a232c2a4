"""Numbers of the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

_MANY = 2**31 - 1


def at_least(lowest: int) -> Callable[[str], int]:
    """A ``type`` of argparse: whole numbers from ``lowest`` on, that a machine can count to.

    Args:
        lowest: The least that is taken.
    """

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f'must be a whole number, got {text!r}') from None
        if not lowest <= value <= _MANY:
            raise ArgumentTypeError(f'must be from {lowest} to {_MANY}, got {text}')
        return value

    return number
