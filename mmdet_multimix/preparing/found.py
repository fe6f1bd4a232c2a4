"""What the readers of all formats find: images, and the objects that somebody has marked in them."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..datasets.image_folder import is_left_behind
from ..utils.one_line import InputError

IMAGES = {'.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm'}
SPLITS = ('train', 'val', 'test')
_SPLIT = re.compile(r'(train|val|valid|validation|dev|test)(?:ing)?(?:val)?(?:set|images?)?[-_]?(?:\d{2,4})?')
_BLANKS = re.compile(r'(?<=[^\W_])[\s_-]+(?=[^\W_])')  # what people put between the words of a name
_NO = ('0', '0.0', 'false', 'no', 'none', 'unspecified', '')
_NAMES = {'valid': 'val', 'validation': 'val', 'dev': 'val'}


class PreparingError(InputError):
    """Why a data set cannot be prepared, in one line, and what to do."""


@dataclass
class Marked:
    """An object that somebody has marked.

    Attributes:
        name: Its class.
        box: ``(x1, y1, x2, y2)``, in pixels, or in fractions of the image if its example says so. None where
            the annotations have none that can be read.
        crowd: Whether it is to be ignored: neither an object nor background.
        more: What else COCO's format knows of it, such as its segmentation in pixels.
        area: Of its outline in pixels, None where the annotations have none and it is that of the box.
        rotated: Whether it was drawn as a box that stands askew, and its box is the upright one around that.
    """

    name: str
    box: tuple[float, ...] | None
    crowd: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    area: float | None = None
    rotated: bool = False


@dataclass
class Example:
    """An image with its objects.

    Attributes:
        image: The file.
        source: The file that its objects are from.
        split: One of ``SPLITS``.
        objects: Its objects, maybe none.
        size: ``(width, height)`` in pixels as the annotations have it, None where they do not say.
        relative: Whether boxes and polygons are in fractions of the image.
    """

    image: Path
    source: Path
    split: str
    objects: list[Marked]
    size: tuple[int, int] | None = None
    relative: bool = False


@dataclass
class Found:
    """What a reader has found.

    Attributes:
        format: Its name, for people.
        examples: The images.
        classes: The class names in their order; empty where the format has no list of them.
        left_out: The files that are not used, by the reason.
        notes: What a user should know.
    """

    format: str
    examples: list[Example] = field(default_factory=list)
    classes: Sequence[str] = ()
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, path: object) -> None:
        """Note a file that is not used."""
        self.left_out.setdefault(reason, []).append(str(path))

    def why_left_out(self) -> str:
        """The reasons in a line, each with the number of its files and the first of them."""
        return '; '.join(f'{len(paths)} {reason}: {paths[0]}' for reason, paths in self.left_out.items())


def files_of(root: Path, skip: Path) -> list[Path]:
    """List the files of a folder and all below it in order, without those that :func:`is_left_behind`.

    Args:
        root: The folder.
        skip: A folder whose files are not listed, as they are our own.
    """
    found, seen = [], set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = sorted(name for name in below if not is_left_behind(name))
        if real in seen or real == os.path.realpath(skip):  # a link to a folder above would have no end
            below.clear()
            continue
        seen.add(real)
        found += [Path(folder, name) for name in sorted(names) if not is_left_behind(name)]
    return [path for path in found if is_file(path)]


def is_file(path: Path) -> bool:
    """Whether a path, as somebody has written it, leads to a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name
        return False


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank.

    Raises:
        PreparingError: It is not UTF-8.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise PreparingError(f'{path} is not UTF-8, save it as that: {error}') from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def class_name(name: object, path: Path) -> str:
    """A class name without superfluous spaces.

    Args:
        name: As it was read; YAML reads a plain ``no`` as False, and a plain ``null`` as nothing.
        path: Where from.

    Raises:
        PreparingError: It is no name.
    """
    if isinstance(name, bool) or not isinstance(name, (str, int, float)) or not str(name).strip():
        meant = 'yes' if name is True else 'no' if name is False else 'null'
        raise PreparingError(f'{path} has the class name {name!r}: write it in quotes, such as "{meant}"')
    return ' '.join(str(name).split())


def as_meant(name: str) -> str:
    """A class name as people read it, to whom ``Traffic_light`` and ``traffic light`` are one."""
    return _BLANKS.sub(' ', as_compared(name))


def is_set(value: object) -> bool:
    """Whether a flag is set, of which some tools write text."""
    return str(value).strip().casefold() not in _NO


def upright(box: tuple[float, ...], degrees: Any) -> tuple[float, ...]:
    """The box around one that is rotated about its middle, as CVAT stores it beside what was drawn.

    Args:
        box: ``(x1, y1, x2, y2)`` before it is rotated.
        degrees: By how much; what is no number is nothing.
    """
    try:
        angle = math.radians(float(degrees) % 180)
    except (TypeError, ValueError):
        return box
    if not angle or not math.isfinite(angle):
        return box
    x1, y1, x2, y2 = box
    x, y, w, h = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    w, h = w * cosine + h * sine, w * sine + h * cosine
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def split_named(name: str) -> str | None:
    """The split of which a name is one, as ``train2017`` or ``Validation`` is."""
    match = _SPLIT.fullmatch(name.lower())
    return _NAMES.get(match[1], match[1]) if match else None


def split_in(names: Iterable[str]) -> str | None:
    """The split that the last telling of some names tells of by itself or by a word of it."""
    for name in reversed(list(names)):
        for word in (name, *reversed(re.split(r'[^a-z0-9]+', name.lower()))):
            if split := split_named(word):
                return split
    return None


def split_of(path: Path, root: Path) -> str:
    """The split of a file by the folders it is in, ``train`` where they do not say."""
    inside = path.relative_to(root).parent.parts if path.is_relative_to(root) else path.parent.parts
    return split_in(inside) or 'train'


def alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts at the end of two paths are the same in any case.

    Args:
        one: The parts of a path, such as ``('images', 'train', '0.jpg')``.
        other: Those of another.
    """
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if as_compared(a) != as_compared(b)), min(len(one), len(other))
    )


def as_compared(stem: str) -> str:
    """A name as it is compared: macOS writes an umlaut as two characters, and endings come in any case."""
    return unicodedata.normalize('NFC', stem).casefold()
