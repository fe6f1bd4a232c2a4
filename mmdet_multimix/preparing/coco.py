"""Reads COCO's JSON, one file for each split or one for all, wherever the images are."""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..checks import coco_file
from ..checks.coco_content import check_corners, is_box, misread
from ..checks.images import Listed
from ..checks.remark import Remark
from ..checks.walk import DataSet
from .found import (
    IMAGES,
    Example,
    Found,
    Marked,
    PreparingError,
    alike,
    class_name,
    is_file,
    is_set,
    split_in,
    split_of,
    upright,
)
from .nearest import Nearest

_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_NOT_THERE = 'images that are listed and not there'
_SEVERAL = 'images that are listed without the folder that tells which of several of the name is meant'
_BOXES = 'instances_'
_COMPANIONS = ('person_keypoints_', 'stuff_', 'panoptic_', 'captions_')
_OWN = ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'ignore')


def is_one(path: Path) -> bool:
    """Whether a file looks like annotations of boxes in COCO's format."""
    if path.suffix.lower() != '.json':
        return False
    content = path.read_bytes().removeprefix(BOM_UTF8).strip()  # parsed only once, when it is read
    if content[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):  # of which reading it says what is wrong
        content = content[2:].replace(b'\0', b'').strip()
    cut = not content.endswith(b'}') and _KEYS[0] in content  # which is said then
    return content.startswith(b'{') and (cut or all(key in content for key in _KEYS))


def read(root: Path, files: list[Path]) -> Found:
    """Read all annotation files of a folder.

    Args:
        root: The folder.
        files: All files in it.

    Raises:
        PreparingError: A file cannot be read, or ids in it do not say what they should.
    """
    try:
        return _read(root, files)
    finally:  # a file that is refused is corrected, and read again
        coco_file.forget()


def _read(root: Path, files: list[Path]) -> Found:
    found, images = Found('COCO'), Nearest(files)
    paths = [path for path in files if is_one(path)]
    paths = _without_companions(paths, found)
    classes: dict[str, None] = {}
    listed: list[str] = []  # the name of each example
    for path in paths:
        content = _content(path, found)
        names = {entry['id']: class_name(entry['name'], path) for entry in content['categories']}
        classes.update(dict.fromkeys(names.values()))
        split = split_in([*path.relative_to(root).parts[:-1], path.stem]) or 'train'
        of_image: dict[Any, list[Marked]] = {}
        for entry in content['annotations']:
            if entry['category_id'] in names:
                marked = _marked(entry, names[entry['category_id']])
                of_image.setdefault(entry['image_id'], []).append(marked)
        sizes: list[Listed] = []
        found_as = [_file(str(image['file_name']), path, root, images, split) for image in content['images']]
        names_of, nearest = [name for name, _ in found_as], [near for _, near in found_as]
        places = _without_strangers(names_of, nearest)
        tell = any(
            there and alike(there.parts, _path(n).parts) > 1
            for n, there in zip(names_of, places, strict=True)
        )
        for image, name, near, there in zip(content['images'], names_of, nearest, places, strict=True):
            if there is None:
                is_told = tell and len(_path(name).parts) > 1  # and its folder is not here
                several = near is None and images.has(_path(name).name) and not is_told
                found.leave_out(_SEVERAL if several else _NOT_THERE, f'{image["file_name"]} ({path})')
                continue
            size = _side(image.get('width')), _side(image.get('height'))
            size = None if None in size else size
            objects = of_image.get(image['id'], [])
            found.examples.append(Example(there, path, split, objects, size))
            listed.append(str(image['file_name']))
            sizes.append(Listed(there, size, [marked.box for marked in objects if marked.box]))
        found.notes += map(str, check_corners(path, sizes))
    _leave_out_namesakes(root, found, listed)
    found.classes = tuple(classes)
    return found


def _without_companions(paths: list[Path], found: Found) -> list[Path]:
    """Leave out the files in which COCO's own archive has the images of ``instances_*`` again."""
    boxes = {path.name.removeprefix(_BOXES) for path in paths if path.name.startswith(_BOXES)}
    kept = []
    for path in paths:
        prefix = next((prefix for prefix in _COMPANIONS if path.name.startswith(prefix)), None)
        if prefix and path.name.removeprefix(prefix) in boxes:
            found.leave_out(f'annotations of images that {_BOXES}*.json has, too', path)
        else:
            kept.append(path)
    return kept


def _content(path: Path, found: Found) -> dict[str, Any]:
    try:
        content = coco_file.read(path, encoding='utf-8-sig')
        # Joined files give some twice. What is written is numbered anew; what is said names theirs if it can.
        if len({entry['id'] for entry in content['annotations']}) < len(content['annotations']):
            for number, entry in enumerate(content['annotations'], 1):
                entry['id'] = number
        outlined = sum(map(_complete, content['annotations']))
        if outlined:
            found.notes.append(
                f'{outlined:,} objects of {path} have an outline and no box: the box around it is taken'
            )
        if not isinstance(content.get('categories'), list):
            raise ValueError('it has no list of categories')
        if not all(isinstance(entry, dict) for entry in content['categories']):
            raise ValueError('its categories must be like {"id": 1, "name": "cat"}')
        content['categories'] = _without_empty_twins(content)
        names = [entry['name'] for entry in content['categories'] if entry['id'] is not None]
        cfg = dict(type='CocoDataset', ann_file=str(path), metainfo=dict(classes=tuple(names)))
        boxed = [entry for entry in content['annotations'] if is_box(entry.get('bbox'))]
        # What has none is left out, unless nothing has one: then this says what is wrong.
        for line in misread(DataSet('', cfg), {**content, 'annotations': boxed or content['annotations']}):
            if not isinstance(line, Remark):
                raise PreparingError(line)
            found.notes.append(str(line))
        content['images'] = list({image['id']: image for image in content['images']}.values())
    except PreparingError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PreparingError(f'{path} cannot be read as COCO annotations: {error}') from error
    return content


def _complete(entry: dict[str, Any]) -> bool:
    """Give an object the box and area that it lacks or has as text; whether the box is of its outline."""
    outline = None
    if not is_box(entry.get('bbox')):
        outline = _around(entry.get('segmentation'))
        entry['bbox'] = _numbers(entry.get('bbox'), 4) or outline
    if not isinstance(entry.get('area'), (int, float)) and is_box(entry['bbox']):
        area = _numbers([entry.get('area')], 1)
        entry['area'] = area[0] if area else entry['bbox'][2] * entry['bbox'][3]
    return outline is not None and entry['bbox'] is outline


def _numbers(values: Any, count: int) -> list[float] | None:
    """So many finite numbers, of which some tools write text; None if this is something else."""
    try:
        numbers = [float(value) for value in values] if isinstance(values, list) else []
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _around(outline: Any) -> list[float] | None:
    """The box around polygons; None around something else."""
    polygons = outline if isinstance(outline, list) else []
    points = [_numbers(p, len(p)) for p in polygons if isinstance(p, list) and len(p) >= 6 and not len(p) % 2]
    if not points or len(points) < len(polygons) or None in points:
        return None
    xs, ys = ([value for p in points if p for value in p[start::2]] for start in (0, 1))
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _without_empty_twins(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The categories but those of nothing that have the name of another, as Roboflow lists the project's."""
    used = {entry['category_id'] for entry in content['annotations']}
    seen = {entry['name'] for entry in content['categories'] if entry['id'] in used}
    kept = []
    for entry in content['categories']:
        if entry['id'] in used or entry['name'] not in seen:
            kept.append(entry)
            seen.add(entry['name'])
    return kept


def _marked(entry: dict[str, Any], name: str) -> Marked:
    if not is_box(entry.get('bbox')):
        return Marked(name, None)
    x, y, w, h = entry['bbox']
    drawn = x, y, x + w, y + h
    attributes = entry.get('attributes')
    has_outline = bool(entry.get('segmentation'))  # around which the box is already
    degrees = attributes.get('rotation') if isinstance(attributes, dict) and not has_outline else None
    box = upright(drawn, degrees)
    crowd = any(is_set(entry.get(key)) for key in ('iscrowd', 'ignore'))
    more = {key: value for key, value in entry.items() if key not in _OWN}
    area = entry['area'] if 0 < entry['area'] < math.inf else None  # some tools write zeros
    return Marked(name, box, crowd, more, area, rotated=box != drawn)


def _side(value: Any) -> int | None:
    """A number of pixels, which some tools write as text or with a point; None if it is none."""
    try:
        side = float(value)
    except (TypeError, ValueError):
        return None
    return int(side) if side > 0 and side.is_integer() else None


def _without_strangers(names: list[str], places: list[Path | None]) -> list[Path | None]:
    """Leave out images of another folder than the list names, where others of it are in its folders."""
    parts = [_path(name).parts for name in names]
    fit = [
        0 if there is None else alike(there.parts, part) for there, part in zip(places, parts, strict=True)
    ]
    real = {part[-2].casefold() for part, length in zip(parts, fit, strict=True) if length > 1}
    return [
        None if length == 1 and len(part) > 1 and part[-2].casefold() in real else there
        for there, part, length in zip(places, parts, fit, strict=True)
    ]


def _leave_out_namesakes(root: Path, found: Found, names: list[str]) -> None:
    """Leave out images of another split's folder that its own list has, where those of a list are in theirs.

    Frames of films are called 0001.jpg in every folder, and one that is missing is not that of another film.
    """
    folders = [
        split_in(example.image.parent.relative_to(root).parts) if example.image.is_relative_to(root) else None
        for example in found.examples
    ]
    pairs = list(zip(found.examples, folders, names, strict=True))
    ours = {example.image for example, folder, _ in pairs if folder == example.split}
    at_home = {example.source for example, folder, _ in pairs if folder == example.split}
    found.examples = []
    for example, folder, name in pairs:
        is_other = folder not in (None, example.split) and example.image in ours and example.source in at_home
        if is_other and split_in(_path(name).parts[:-1]) is None:
            found.leave_out(_NOT_THERE, f'{name} ({example.source})')
        else:
            found.examples.append(example)


def _file(name: str, path: Path, root: Path, images: Nearest, split: str) -> tuple[str, Path | None]:
    """An image, which annotations name from the most different folders, and its name as its file has it."""
    there = _as_written(name, path, root)
    if there is None and not images.has(_path(name).name):
        name = _unquoted(name)
        there = _as_written(name, path, root)
    if there:
        return name, there
    near = images.listed(_path(name), path)
    if len(near) > 1:  # train/0.jpg and val/0.jpg
        near = [other for other in near if split_of(other, root) == split]
    return name, near[0] if len(near) == 1 else None


def _unquoted(name: str) -> str:
    """The name of an image in its address, with ``%20`` in it."""
    # The names of files may have the signs of an address, too.
    words = re.split('[?&=]', name) if '/' in name.partition('?')[0] and '?' in name else [name]
    return unquote(next((word for word in words if Path(word).suffix.lower() in IMAGES), name))


def _path(name: str) -> Path:
    return Path(name.replace('\\', '/'))


def _as_written(name: str, path: Path, root: Path) -> Path | None:
    """The file that a list names from the folders that people name it from."""
    for text in (name, name.replace('\\', '/')):
        for folder in (path.parent, root, path.parent.parent):
            if is_file(folder / text):
                return folder / text
    return None
