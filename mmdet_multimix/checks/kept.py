"""Which boxes of a data set mmdet keeps, and what to say of those that it drops without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..utils.names import quote, shorten
from .remark import Remark
from .walk import DataSet

CROWD = 'crowds or difficult'  # left out on purpose by who made the set


@dataclass
class Kept:
    """The boxes of a data set, of its own classes.

    Attributes:
        kept: The number of boxes of each class that are learnt or measured.
        dropped: The number of the others by class and reason.
    """

    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def reasons(self) -> Counter[str]:
        """The number of dropped boxes by reason."""
        found: Counter[str] = Counter()
        for (_, reason), number in self.dropped.items():
            found[reason] += number
        return found

    @property
    def lost(self) -> list[str]:
        """The classes that have boxes, none of which is kept."""
        return sorted({name for name, _ in self.dropped if not self.kept[name]})


def say_alike(dataset: DataSet, numbers: Counter[str]) -> Iterator[Remark]:
    """Name the objects whose names differ from a class by case or a blank only: mmdet drops them.

    Args:
        dataset: The set.
        numbers: The number of its objects of each name.

    Yields:
        A remark for each name.
    """
    for name in sorted(set(numbers) - set(dataset.classes)):
        meant = [known for known in dataset.classes if known.casefold() == name.strip().casefold()]
        if meant:
            yield Remark(
                f'{numbers[name]:,} objects of {dataset.annotations} are named {name!r}, which is not the '
                f'class {meant[0]!r}; they are left out. Give both the same name'
            )


def judge(dataset: DataSet, found: Kept) -> Iterator[str]:
    """Say what is dropped, and refuse a set or a class that has boxes and is left without any.

    A set that is only a part of what is trained on may have gaps, and so may an absent class.

    Args:
        dataset: The set.
        found: Its boxes.

    Yields:
        A line for each fault and a remark for the rest.
    """
    path, kept, dropped = dataset.annotations, found.kept.total(), found.dropped.total()
    why = ', '.join(f'{number:,} {reason}' for reason, number in found.reasons.most_common())
    kind = str if dataset.learnt else Remark
    if dropped and not kept:
        whole = kind if dataset.learnt or not dataset.trained_on else Remark
        yield whole(f'none of the {dropped:,} boxes of {path} is left: {why}. Correct the annotations')
        return
    if not kept:
        if dataset.learnt:
            yield f'{path} has no box of the classes {quote(dataset.classes)}: nothing would be learnt'
        return
    lost = [name for name in found.lost if {r for n, r in found.dropped if n == name} != {CROWD}]
    if lost:
        number = sum(number for (name, _), number in found.dropped.items() if name in lost)
        yield kind(
            f'none of the {number:,} boxes of {quote(lost)} in {path} is left; dropped from the set: {why}. '
            'Correct the annotations, or leave these classes out'
        )
    elif set(found.reasons) - {CROWD}:
        yield Remark(f'{dropped:,} of {kept + dropped:,} boxes of {path} are left out: {why}')
    absent = [name for name in dataset.classes if not found.kept[name] and name not in lost]
    if absent and dataset.learnt:
        yield Remark(
            f'{len(absent)} of {len(dataset.classes)} classes have no box in {path} and are not learnt: '
            f'{shorten(map(repr, absent))}'
        )
