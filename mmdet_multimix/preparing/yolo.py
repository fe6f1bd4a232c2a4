"""Reads the text files of YOLO: data.yaml or a list of names, and a label file for each image."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from ..datasets.unread_images import NOT_READ
from ..utils.names import quote
from .found import (
    IMAGES,
    SPLITS,
    Example,
    Found,
    Marked,
    PreparingError,
    alike,
    class_name,
    is_file,
    read_lines,
    split_of,
)

_LISTS = ('classes.txt', 'obj.names', 'labels.txt', '_darknet.labels', 'names.txt')
_SMALL, _EDGE = 2.0, 0.01  # fractions of the image: larger are pixels; what rounding leaves
_EMPTY: tuple[object, ...] = (None, '', [], {})  # what stands behind a key of data.yaml that says nothing
_KEYS = {'train': 'train', 'val': 'val', 'valid': 'val', 'validation': 'val', 'test': 'test'}


class _NoImageError(PreparingError):
    """A split of data.yaml has no image at all."""


def description(root: Path, files: list[Path]) -> Path | None:
    """The file with the names of the classes; one that also lists the folders first."""
    for path in files:
        if path.suffix.lower() in ('.yaml', '.yml') and _has_names(path):
            return path
    for file, pairs in _data_files(files):
        if named := _place(pairs.get('names', ''), file.parent, root):
            return named
    kinds = [[path for path in files if path.name.lower() == name] for name in _LISTS]
    kinds.append([path for path in files if path.suffix.lower() == '.names'])
    for kind in kinds:
        if paths := [path for path in kind if read_lines(path)]:
            return _longest(paths)
    return None


def _longest(paths: list[Path]) -> Path:
    """Of several lists of names the longest; labelImg writes one into each folder and adds names at the end.

    Raises:
        PreparingError: A number stands for one class in one of them and for another in another.
    """
    names = {path: list(_names(path, {}).values()) for path in paths}
    longest = max(paths, key=lambda path: len(names[path]))
    for path in paths:
        if names[path] != names[longest][: len(names[path])]:
            raise PreparingError(
                f'{path} has the classes {quote(names[path])}, but {longest} has {quote(names[longest])}: a '
                'number would stand for two classes. Prepare each part by itself'
            )
    return longest


def is_one(path: Path) -> bool:
    """Whether a file looks like the labels of an image."""
    if path.suffix.lower() != '.txt' or path.name.lower() in _LISTS:
        return False
    line = next((line for _, line in _lines(path)), '')
    try:
        _, *values = _numbers(line)
    except ValueError:
        return False
    # Beside COCO's JSON there are other tables with commas, as VisDrone and MOT have them in pixels.
    return len(values) >= 4 and (',' not in line or all(abs(value) < 2 for value in values))


def read(root: Path, files: list[Path]) -> Found:
    """Read all labels of a folder.

    Args:
        root: The folder.
        files: All files in it.

    Raises:
        PreparingError: There are no names of classes, a label is of a class that has none, or a label file
            has something else than labels.
    """
    found, path = Found('YOLO'), description(root, files)
    if path is None:
        raise PreparingError(
            f'{root} has YOLO labels, but neither data.yaml nor classes.txt with the names of the classes: '
            'write one name a line into classes.txt, in the order of the numbers'
        )
    is_yaml = path.suffix.lower() in ('.yaml', '.yml')
    content = _yaml(path) if is_yaml else {}
    names = _names(path, content)
    found.classes = tuple(names.values())
    splits, content = (path, content) if is_yaml else _darknet(path, root, files, found)
    points = content.get('kpt_shape') is not None
    there = [file for file in files if file.suffix.lower() in IMAGES]
    without = 0
    for image, split in _images(root, there, splits, content, found):
        labels = _labels(image)
        if labels is None:
            without += 1
        objects = [] if labels is None else list(_objects(labels, names, path, points))
        found.examples.append(Example(image, labels or path, split, objects, relative=True))
    if without:
        found.notes.append(f'{without} images have no label file and count as images without objects')
    if found.examples and without == len(found.examples):
        raise PreparingError(f'none of the {without} images below {root} has a label file of its name')
    _leave_out_rest(found, files, there, path, splits)
    _note_corners(found)
    return found


def _note_corners(found: Found) -> None:
    """Say where labels seem to be two corners, which would be cut at the border without more words."""
    boxes = [
        marked.box
        for example in found.examples
        for marked in example.objects
        if marked.box and not marked.more and max(map(abs, marked.box)) < _SMALL
    ]
    past = sum(min(x1, y1) < -_EDGE or max(x2, y2) > 1 + _EDGE for x1, y1, x2, y2 in boxes)
    fit = all((x1 + x2) / 2 < x2 - x1 <= 1 and (y1 + y2) / 2 < y2 - y1 <= 1 for x1, y1, x2, y2 in boxes)
    if fit and 4 * past > len(boxes):
        found.notes.append(
            f'{past} of {len(boxes)} boxes reach past the border of their image, and none would as "class x1 '
            'y1 x2 y2". If they are that, write "class x y width height", with the middle as x and y'
        )


def _leave_out_rest(found: Found, files: list[Path], there: list[Path], path: Path, splits: Path) -> None:
    """Note the images that no split has, and the label files of images that are not there."""
    used = {example.image for example in found.examples}
    labels: set[Path | None] = {example.source for example in found.examples}
    for image in there:
        if image not in used:
            found.leave_out(f'images that are in no split of {splits.name}', image)
            labels.add(_labels(image))
    for file in files:
        if file != path and file not in labels and is_one(file):
            found.leave_out('annotations without an image', file)


def _darknet(path: Path, root: Path, files: list[Path], found: Found) -> tuple[Path, dict[str, Any]]:
    """Where the splits are said beside a list of names, and the keys that say them, as data.yaml has them.

    darknet has a file ``*.data`` with lines such as ``train = data/train.txt``; others have only the lists.
    A list of which no image is here says nothing.
    """
    by_name = _by_name(file for file in files if file.suffix.lower() in IMAGES)

    def lists(place: Path | None) -> bool:
        lines = [] if place is None else _lines_if_text(place)
        return any(is_file(_resolve(line, place, root, by_name)) for line in lines)

    for file, pairs in _data_files(files):
        places = {key: _place(pairs[key], file.parent, root) for key in _KEYS if key in pairs}
        content = {key: str(place) for key, place in places.items() if lists(place)}
        if content:
            for key in places.keys() - content.keys():
                found.notes.append(
                    f'{file} has {key} = {pairs[key]}, which is no list of images that are here'
                )
            return file, content
    content = {}
    for key in _KEYS:
        place = _place(f'{key}.txt', path.parent, root)
        if lists(place):
            content[key] = str(place)
    return (Path(content['train']), content) if 'train' in content else (path, {})


def _data_files(files: list[Path]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Darknet's files ``*.data``, and the values of their keys."""
    for file in files:
        if file.suffix.lower() == '.data':
            pairs = [line.split('=', 1) for line in _lines_if_text(file) if '=' in line]
            yield file, {key.strip().lower(): value.strip() for key, value in pairs}


def _place(text: str, *folders: Path) -> Path | None:
    """A file that is named, maybe from another folder or machine; None if it is not here."""
    names = (text, re.split(r'[\\/]', text)[-1]) if text else ()
    return next((folder / name for name in names for folder in folders if is_file(folder / name)), None)


def _lines_if_text(path: Path) -> list[str]:
    try:
        return read_lines(path)
    except PreparingError:  # a file of something else
        return []


def _has_names(path: Path) -> bool:
    try:
        return 'names' in _yaml(path)
    except PreparingError:
        return path.stem == 'data'


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except UnicodeDecodeError as error:
        raise PreparingError(f'{path} is not UTF-8, save it as that: {error}') from error
    except (yaml.YAMLError, ValueError) as error:
        line = ' '.join(str(error).split())
        raise PreparingError(f'{path} is not readable YAML: {line}') from error
    return content if isinstance(content, dict) else {}


def _names(path: Path, content: dict[str, Any]) -> dict[int, str]:
    names = content.get('names') if content else read_lines(path)
    if isinstance(names, str):
        names = [names]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(str(key).isdigit() for key in names):
        raise PreparingError(f'{path} has no list of names: write names: [first, second, ...]')
    named = {int(key): class_name(names[key], path) for key in sorted(names, key=int)}
    double = [name for name, number in Counter(named.values()).items() if number > 1]
    if double:
        raise PreparingError(
            f'{path} has more than one class named {quote(double)}: give each a name of its own'
        )
    return named


def _images(
    root: Path, there: list[Path], path: Path, content: dict[str, Any], found: Found
) -> Iterator[tuple[Path, str]]:
    """All images and their splits: as data.yaml says, or else by their folders."""
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
    for folder in (path.parent / base / named, base / named, path.parent / named, root.joinpath(*parts)):
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


def _by_name(images: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for image in images:
        found.setdefault(image.name, []).append(image)
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
    length = max((alike(image.parts, parts) for image in found), default=0)
    fit = [image for image in found if alike(image.parts, parts) == length]
    # Not by the name alone: train/0.jpg is not val/0.jpg.
    return fit[0] if length > 1 and len(fit) == 1 else listed.parent / inside


def _labels(image: Path) -> Path | None:
    """The label file of an image: in ``labels`` where it is in ``images``, or beside it."""
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
    return None


def _lines(labels: Path) -> Iterator[tuple[int, str]]:
    """The lines of a label file that are not blank, each with its number."""
    with labels.open(encoding='utf-8-sig', errors='replace') as file:
        yield from ((number, line.strip()) for number, line in enumerate(file, 1) if line.strip())


def _numbers(line: str) -> list[float]:
    return [float(word) for word in line.replace(',', ' ').split()]


def _objects(labels: Path, names: dict[int, str], path: Path, points: bool) -> Iterator[Marked]:
    for number, line in _lines(labels):
        where = f'line {number} of {labels}'
        try:
            label, *values = _numbers(line)
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


def _finite(box: tuple[float, ...]) -> tuple[float, ...] | None:
    return box if all(map(math.isfinite, box)) else None
