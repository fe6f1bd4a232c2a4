"""Reads the label files of YOLO: one for each image, a line for each object."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ..utils.names import quote
from .found import IMAGES, Marked, PreparingError, as_compared


class LabelFiles:
    """Finds the label file of an image: in ``labels`` where it is in ``images``, or beside it."""

    def __init__(self) -> None:
        self._below: dict[Path, dict[str, list[Path]]] = {}

    def of(self, image: Path) -> Path | None:
        """The label file of an image, None where there is none.

        Case and the ways to write an umlaut matter only where several images differ in nothing else.
        """
        parts = list(image.parts)
        candidates = []
        for index in reversed(range(len(parts) - 1)):
            if parts[index].lower() in ('images', 'jpegimages'):
                for name in ('labels', 'Labels'):
                    candidates.append(Path(*parts[:index], name, *parts[index + 1 :]))
                break
        candidates.append(image)
        candidates.append(image.parent / 'labels' / image.name)
        for path in candidates:
            for suffix in ('.txt', '.TXT'):
                if path.with_suffix(suffix).is_file():
                    return path.with_suffix(suffix)
        images = {other.stem for other in self._like(image) if other.suffix.lower() in IMAGES}
        for path in (*candidates, *(path.with_name(f'{path.name}.txt') for path in candidates)):
            found = [other for other in self._like(path) if other.suffix.lower() == '.txt']
            if len(found) == 1 and found[0].stem not in images:
                return found[0]
        return None

    def _like(self, path: Path) -> list[Path]:
        """The files in the folder of a path whose names are the same as they are compared."""
        folder = path.parent
        if folder not in self._below:
            below = self._below[folder] = {}
            for other in folder.iterdir() if folder.is_dir() else ():
                below.setdefault(as_compared(other.stem), []).append(other)
        return self._below[folder].get(as_compared(path.stem), [])


def lines_of(labels: Path) -> Iterator[tuple[int, str]]:
    """The lines of a label file that are not blank, each with its number."""
    with labels.open(encoding='utf-8-sig', errors='replace') as file:
        yield from ((number, line.strip()) for number, line in enumerate(file, 1) if line.strip())


def objects_in(labels: Path, names: dict[int, str], path: Path, points: bool) -> Iterator[Marked]:
    """The objects of a label file, boxes in fractions of the image.

    Args:
        labels: The label file.
        names: The name of each class by its number.
        path: The file that has these names.
        points: Whether keypoints follow a box.

    Raises:
        PreparingError: A line is no label, or is of a class without a name.
    """
    for number, line in lines_of(labels):
        where = f'line {number} of {labels}'
        try:
            label, *values = numbers_in(line)
        except ValueError:
            raise PreparingError(f'{where} is no label "class x y width height": {line[:60]!r}') from None
        if label not in names:
            raise PreparingError(
                f'{where} is of class {label:g}, but {path} has {len(names)} names, counted from 0: '
                f'{quote(names.values())}'
            )
        name = names[int(label)]
        if len(values) == 4 or (points and len(values) > 4):
            x, y, w, h = values[:4]
            yield Marked(name, _finite((x - w / 2, y - h / 2, x + w / 2, y + h / 2)))
        elif len(values) >= 6 and len(values) % 2 == 0:
            xs, ys = values[::2], values[1::2]
            more = dict(segmentation=[values])
            yield Marked(name, _finite((min(xs), min(ys), max(xs), max(ys))), more=more)
        elif len(values) == 5:
            raise PreparingError(
                f'{where} has six numbers, as predictions with a score have, not labels of a data set'
            )
        else:
            raise PreparingError(
                f'{where} has {len(values) + 1} numbers: a box has 5, a polygon the class and pairs'
            )


def numbers_in(line: str) -> list[float]:
    """The numbers of a line, apart by blanks or commas; a ValueError where something else stands there."""
    return [float(word) for word in line.replace(',', ' ').split()]


def _finite(box: tuple[float, ...]) -> tuple[float, ...] | None:
    return box if all(map(math.isfinite, box)) else None
