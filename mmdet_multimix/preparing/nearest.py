"""Finds the image of an annotation by its name, in whatever folder it is and however many have that name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .found import IMAGES, alike, as_compared


class Nearest:
    """Finds an image by its name in whatever folder it is.

    Args:
        files: All files of the set.
        annotations: Those of them that have the objects of an image of their name.
    """

    def __init__(self, files: Iterable[Path], annotations: Iterable[Path] = ()) -> None:
        self._annotations = _by_stem(annotations)
        self._images = _by_stem(path for path in files if path.suffix.lower() in IMAGES)
        self._beside: dict[tuple[Path, str], list[Path]] = {}
        for key, paths in self._images.items():
            for path in paths:
                self._beside.setdefault((path.parent, key), []).append(path)
        self._theirs: dict[str, dict[Path, list[Path]]] = {}
        self._called: dict[str, _Namesakes] = {}

    def has(self, name: str) -> bool:
        """Whether an image is there of a name with its ending."""
        there = self._images.get(as_compared(Path(name).stem), [])
        return any(as_compared(path.name) == as_compared(name) for path in there)

    def find(self, stem: str, near: Path, named: str = '') -> list[Path]:
        """The images of a name that fit a file best; several if none of them fits better.

        An image beside the file fits best, then one of the whole name, as a mask may be nearer; of these
        one in folders of the same names (``xml/train``, ``images/train``), and the nearest. An image that is
        nearer to other annotations of its name is theirs.

        Args:
            stem: The name without its ending; case matters only where several images differ in nothing else.
            near: The file.
            named: The whole name of the image as its annotations have it.
        """
        key = as_compared(stem)
        found = self._not_of_others(key, near)
        if beside := self._beside.get((near.parent, key)):
            found = [path for path in beside if path in found]

        def fit(path: Path) -> tuple[bool, bool, bool, tuple[int, int]]:
            same = path.name == named, path.name.casefold() == named.casefold()
            return path.stem == stem, *same, _near(path, near)

        return _best(found, fit)

    def listed(self, name: Path, near: Path) -> list[Path]:
        """The images that a list names, which may be of another machine; several if none fits better.

        Args:
            name: The path in the list.
            near: The file with the list.
        """
        key = as_compared(name.name)
        if key not in self._called:
            there = self._images.get(as_compared(name.stem), [])
            self._called[key] = _Namesakes(path for path in there if as_compared(path.name) == key)
        found = self._called[key].nearest(name.parent.parts, (near.parent / name).parent.parts)
        return _best(found, lambda path: path.name == name.name)

    def _not_of_others(self, key: str, near: Path) -> list[Path]:
        """The images of a name that are not nearer to other annotations of it than to these."""
        images, annotations = self._images.get(key, []), self._annotations.get(key)
        if not annotations:
            return images
        if key not in self._theirs:
            others = _Namesakes(annotations)
            theirs: dict[Path, list[Path]] = {path: [] for path in annotations}
            for image in images:
                for other in others.nearest(image.parent.parts, image.parent.parts):
                    theirs[other].append(image)
            self._theirs[key] = theirs
        if near in self._theirs[key]:
            return self._theirs[key][near]
        nearest = {image: other for other, ours in self._theirs[key].items() for image in ours}
        return [path for path in images if _near(path, nearest[path]) <= _near(path, near)]


class _Namesakes:
    """Files of one name, found by the folders they are in without a look at each of them.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._by_end: dict[tuple[str, ...], list[Path]] = {}
        self._by_start: dict[tuple[str, ...], dict[tuple[str, ...], list[Path]]] = {}
        for path in paths:
            for end in _beginnings(_from_the_end(path.parent.parts)):
                self._by_end.setdefault(end, []).append(path)

    def nearest(self, inner: Sequence[str], whole: Sequence[str]) -> list[Path]:
        """The files in folders of as many of the same names as any, and of these the nearest.

        Args:
            inner: The folders whose names are compared from the last on.
            whole: The folders that are compared from the first on.
        """
        end = next((end for end in _beginnings(_from_the_end(inner)) if end in self._by_end), None)
        if end is None:
            return []
        if end not in self._by_start:
            below = self._by_start[end] = {}
            for path in self._by_end[end]:
                for start in _beginnings(path.parent.parts):
                    below.setdefault(start, []).append(path)
        below = self._by_start[end]
        return next(below[start] for start in _beginnings(tuple(whole)) if start in below)


def _by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(as_compared(path.stem), []).append(path)
    return found


def _from_the_end(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(as_compared, reversed(parts)))


def _beginnings(parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All beginnings of some parts, the longest first and none of them last."""
    return (parts[:length] for length in range(len(parts), -1, -1))


def _near(path: Path, other: Path) -> tuple[int, int]:
    """How near an image is to annotations: by the names of their folders, then by where these are."""
    ours, theirs = path.parent.parts, other.parent.parts
    shared = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    return alike(ours, theirs), min(len(ours), len(theirs)) if shared is None else shared


def _best(paths: list[Path], fit: Callable[[Path], Any]) -> list[Path]:
    if len(paths) < 2:
        return paths
    best = max(map(fit, paths))
    return [path for path in paths if fit(path) == best]
