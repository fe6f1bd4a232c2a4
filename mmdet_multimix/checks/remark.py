"""What a user should know of a config that trains all the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


class Remark(str):
    """A line that is said and stops nothing. Any other line of a check is a fault, which does."""

    __slots__ = ()


def say_remarks(lines: Iterable[str]) -> list[str]:
    """Print the remarks among some lines, each once and by one rank only.

    Args:
        lines: What checks have found.

    Returns:
        The faults among them, each once.
    """
    faults = []
    for line in dict.fromkeys(lines):
        if not isinstance(line, Remark):
            faults.append(line)
        elif os.environ.get('RANK', os.environ.get('SLURM_PROCID', '0')) == '0':
            print(f'warning: {line}', file=sys.stderr, flush=True)
    return faults
