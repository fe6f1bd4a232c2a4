"""Chooses the classes of a set, and which of its training images become validation images."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..utils.names import quote, shorten
from .found import Example, Found, PreparingError, as_meant

_COPY = re.compile(r'\.rf\.\w+\.\w+$')  # what Roboflow ends the names of augmented copies with


def split_off(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Make some of the training images validation images, at random.

    Args:
        examples: The images. The copies that Roboflow makes of one, ``a_jpg.rf.HASH.jpg``, stay together.
        share: Of the training images, in (0, 1).
        seed: Of the choice.

    Raises:
        PreparingError: There is a validation split, or there are less than two images.
    """
    if any(example.split == 'val' for example in examples):
        raise PreparingError('--split: there is a validation split already; leave --split out')
    copies: dict[str, list[Example]] = {}
    for example in sorted((e for e in examples if e.split == 'train'), key=lambda e: str(e.image)):
        copies.setdefault(_COPY.sub('', str(example.image)), []).append(example)
    ours = list(copies.values())
    if len(ours) < 2:
        alone = ' that is no copy of another' if any(len(group) > 1 for group in ours) else ''
        raise PreparingError(f'--split: needs two training images at least, got {len(ours)}{alone}')
    count = min(max(round(share * len(ours)), 1), len(ours) - 1)
    chosen = {id(example) for group in random.Random(seed).sample(ours, count) for example in group}
    return [replace(e, split='val') if id(e) in chosen else e for e in examples]


def choose_classes(found: Found, wanted: Sequence[str] | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Choose the classes, and which names in the annotations stand for them.

    Args:
        found: What was read.
        wanted: The classes that a user wants, in this order. A name that differs only by case, or by what is
            between its words, stands for one of them. None takes all that have a box.

    Returns:
        The classes, and the class of each name that has one.

    Raises:
        PreparingError: A wanted class is nowhere; or names read alike and nobody says what is meant.
    """
    used = Counter(marked.name for example in found.examples for marked in example.objects)
    del used['']
    known = list(dict.fromkeys([*found.classes, *sorted(used)]))
    if wanted:
        folded = _alike(known)
        missing = [name for name in wanted if as_meant(name) not in folded]
        if missing:
            raise PreparingError(
                f'--classes: {quote(missing)} is in no annotation, which have {quote(known)}'
            )
        same = {}
        choices = _alike(wanted)
        for name in known:
            meant = choices.get(as_meant(name), [])
            if name in meant or len(meant) == 1:
                same[name] = name if name in meant else meant[0]
        return tuple(dict.fromkeys(wanted)), same
    if not used:
        notes = ': '.join([f'no object is marked in any of the {len(found.examples)} images', *found.notes])
        raise PreparingError(notes)
    for alike in _alike(known).values():
        if len(alike) > 1 and found.classes:
            found.notes.append(
                f'{quote(alike)} read alike and are {len(alike)} classes: --classes makes them one'
            )
        elif len(alike) > 1:
            numbers = ', '.join(f'{other!r} ({used[other]} objects)' for other in alike)
            raise PreparingError(
                f'class names that read alike: {numbers}. Name the classes that you want, one '
                'spelling or both: --classes NAME NAME ...'
            )
    classes = tuple(name for name in known if used[name])
    empty = [name for name in known if not used[name]]
    if empty:
        found.notes.append(f'{len(empty)} classes without a box are left out: {shorten(map(repr, empty))}')
    return classes, {name: name for name in classes}


def _alike(names: Sequence[str]) -> dict[str, list[str]]:
    """Names by what they are to people; some sets have ten thousand, too many to compare each with each."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(as_meant(name), []).append(name)
    return found
