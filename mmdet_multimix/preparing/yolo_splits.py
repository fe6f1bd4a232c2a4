"""Finds the images of each split, as data.yaml, darknet's ``*.data`` and lists of images name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..datasets.unread_images import NOT_READ
from .found import IMAGES, SPLITS, Found, PreparingError, alike, is_file, read_lines, split_in, split_of

_EMPTY: tuple[object, ...] = (None, '', [], {})  # what stands behind a key of data.yaml that says nothing
_KEYS = {'train': 'train', 'val': 'val', 'valid': 'val', 'validation': 'val', 'test': 'test'}


class _NoImageError(PreparingError):
    """A split of data.yaml has no image at all."""


def images_of(
    root: Path, there: list[Path], path: Path, content: dict[str, Any], found: Found
) -> Iterator[tuple[Path, str]]:
    """All images and their splits: as data.yaml says, or else by their folders."""
    content = {str(key).lower(): value for key, value in content.items()}  # as users name them in CVAT
    wanted = {split: key for key, split in _KEYS.items() if content.get(key, '') not in _EMPTY}
    for key in _KEYS if wanted else ():
        if key in content and _KEYS[key] not in wanted:
            found.notes.append(f'{path} names nothing for {key}: there is no such split')
    for split in SPLITS:
        given = set()
        key = wanted.get(split, '')
        places = content.get(key, [])
        for place in places if isinstance(places, list) else [places]:
            try:
                images = _listed(key, place, root, path, content, there)
            except _NoImageError:
                if split != 'test':  # which tools name whether there is one or not
                    raise
                found.notes.append(f'{path} has {key}: {place}, where no image is: there is no such split')
                continue
            for image in images:
                if image not in given:
                    given.add(image)
                    yield image, split
    if not wanted:
        yield from ((image, split_of(image, root)) for image in there)


def _listed(
    key: str, place: object, root: Path, path: Path, content: dict[str, Any], there: list[Path]
) -> list[Path]:
    """The images of a folder, or of a list of images, that data.yaml names from here or from elsewhere."""
    if place in _EMPTY:
        raise _NoImageError(f'{path} has a place for {key} that is empty')
    base = Path(str(content.get('path') or ''))
    named = Path(str(place).replace('\\', '/'))
    parts = named.parts
    while parts and parts[0] in ('..', '.'):  # Roboflow's are of one folder further up
        parts = parts[1:]
    seen: dict[Path, list[Path]] = {}
    # A path of another machine ends as one here. Less than tells of the split could be a folder of all.
    ends = [parts[n:] for n in range(1, len(parts)) if split_in(parts[n:]) == _KEYS[key]]
    below = [above.joinpath(*end) for end in (parts, *ends) for above in (path.parent, root)]
    for folder in (path.parent / base / named, base / named, path.parent / named, *below):
        if folder.is_dir():
            seen[folder] = _in_folder(folder, there)
        elif folder.is_file():
            by_name = _by_name(there)
            seen[folder] = [_resolve(line, folder, root, by_name) for line in read_lines(folder)]
    if not seen:
        raise _NoImageError(f'{path} names {place}, which is neither a folder nor a list of images here')
    ours = set(there)  # beside the set there may be a folder of that name of another set
    for images in seen.values():
        if any(Path(os.path.abspath(image)) in ours for image in images):
            return images
    for images in seen.values():
        if any(map(is_file, images)):
            return images
    where = Path(os.path.abspath(next(iter(seen))))
    said = f'{path} has {key}: {place}, and {where} has no image of {root}'
    inside = where.rglob('*') if where.is_relative_to(root) else ()
    unread = [file for file in inside if file.suffix.lower() in NOT_READ]
    if unread:
        raise PreparingError(f'{said} but {len(unread)} that mmdet does not read: convert them to JPEG')
    if any(seen.values()):  # a list of images that are not there
        raise PreparingError(f'{said}: correct that line, or take it out')
    raise _NoImageError(f'{said}: correct that line, or take it out')


def _in_folder(folder: Path, there: list[Path]) -> list[Path]:
    """The images in a folder or below it, which may be reached, or reach them, by links."""
    written, real = os.path.abspath(folder), folder.resolve()
    below = {
        parent: parent.is_relative_to(written) or parent.resolve().is_relative_to(real)
        for parent in {image.parent for image in there}
    }
    return [image for image in there if below[image.parent]]


def named_beside(path: Path, root: Path, files: list[Path], found: Found) -> tuple[Path, dict[str, Any]]:
    """Where the splits are said beside a list of names, and the keys that say them, as data.yaml has them.

    darknet has a file ``*.data`` with lines such as ``train = data/train.txt``; others have only the lists.
    A list of which no image is here says nothing.
    """
    by_name = _by_name(file for file in files if file.suffix.lower() in IMAGES)

    def lists(place: Path | None) -> bool:
        lines = [] if place is None else lines_if_text(place)
        return any(is_file(_resolve(line, place, root, by_name)) for line in lines)

    for file, pairs in data_files(files):
        places = {key: place_of(pairs[key], file.parent, root) for key in _KEYS if key in pairs}
        content = {key: str(place) for key, place in places.items() if lists(place)}
        if content:
            for key in places.keys() - content.keys():
                found.notes.append(
                    f'{file} has {key} = {pairs[key]}, which is no list of images that are here'
                )
            return file, content
    beside = [file for file in files if file.suffix.lower() == '.txt' and file.parent in (path.parent, root)]
    beside.sort(key=lambda file: file.parent != path.parent)
    # Ultralytics' function that splits at random leaves its lists beside those that somebody has written.
    for prefix in ('', 'autosplit_'):
        content = {}
        for file in beside:
            start, key = file.stem[: len(prefix)].lower(), file.stem[len(prefix) :].lower()
            if start == prefix and key in _KEYS and lists(file):  # as users of CVAT name their subsets
                content.setdefault(key, str(file))
        if 'train' in content:
            return Path(content['train']), content
    return path, {}


def data_files(files: list[Path]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Darknet's files ``*.data``, and the values of their keys."""
    for file in files:
        if file.suffix.lower() == '.data':
            pairs = [line.split('=', 1) for line in lines_if_text(file) if '=' in line]
            yield file, {key.strip().lower(): value.strip() for key, value in pairs}


def place_of(text: str, *folders: Path) -> Path | None:
    """A file that is named, maybe from another folder or machine; None if it is not here."""
    names = (text, re.split(r'[\\/]', text)[-1]) if text else ()
    return next((folder / name for name in names for folder in folders if is_file(folder / name)), None)


def lines_if_text(path: Path) -> list[str]:
    """The lines of a file that are not blank; none where it is no text."""
    try:
        return read_lines(path)
    except PreparingError:  # a file of something else
        return []


def _by_name(images: Iterable[Path]) -> dict[str, list[Path]]:
    """Images by their names, with their endings and without, as lists may have them."""
    found: dict[str, list[Path]] = {}
    for image in images:
        for name in (image.name, image.stem):
            found.setdefault(name, []).append(image)
    return found


def _resolve(line: str, listed: Path, root: Path, by_name: dict[str, list[Path]]) -> Path:
    """The image that a line of a list names, maybe on Windows or on another machine."""
    parts = tuple(part for part in re.split(r'[/\\]', line) if part not in ('', '.'))
    inside = '/'.join(parts)
    for text in (line, inside):
        for folder in (listed.parent, root, Path()):
            if is_file(folder / text):
                return Path(os.path.abspath(folder / text))  # as the same file is called elsewhere
    found = by_name.get(parts[-1], []) if parts else []
    if len(parts) == 1 and len(found) == 1:  # in a list that names no folder at all
        splits = {split_in((listed.stem,)), split_in(found[0].parent.relative_to(root).parts)} - {None}
        return found[0] if len(splits) < 2 else listed.parent / inside
    length = max((alike(image.parts, parts) for image in found), default=0)
    fit = [image for image in found if alike(image.parts, parts) == length]
    # Not by the name alone: train/0.jpg is not val/0.jpg.
    return fit[0] if length > 1 and len(fit) == 1 else listed.parent / inside
