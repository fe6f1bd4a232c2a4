"""Reads Pascal VOC's XML in any layout: beside the images, in folders of its own, with lists or without."""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from pathlib import Path
from xml.etree import ElementTree

from ..checks.voc_content import BOX
from .found import Example, Found, Marked, Nearest, read_lines, split_of

_ENCODING = re.compile(rb'<\?xml[^>]*encoding=["\']([\w.:-]+)["\'][^>]*\?>')


def is_one(path: Path) -> bool:
    """Whether a file looks like the annotations of an image."""
    if path.suffix.lower() != '.xml':
        return False
    with path.open('rb') as file:
        return b'<annotation' in file.read(4096).replace(b'\0', b'')  # UTF-16 has zeros between


def read(root: Path, files: list[Path]) -> Found:
    """Read all annotations of a folder.

    Args:
        root: The folder.
        files: All files in it.
    """
    annotations = list(filter(is_one, files))
    found, images = Found('Pascal VOC'), Nearest(files, annotations)
    listed = _lists(files)
    used = set()
    _leave_out_lacking(found, listed, annotations)
    for path in annotations:
        try:
            node = parse(path)
        except ValueError as error:
            found.leave_out(f'annotations that cannot be read ({error})', path)
            continue
        if node.tag == 'annotations' and node.find('object') is None:
            found.leave_out("annotations in CVAT's own format: export them as VOC, YOLO or COCO", path)
            continue
        named = re.split(r'[\\/]', (node.findtext('filename') or '').strip())[-1]
        there = images.find(path.stem, path, named) or images.find(Path(named).stem, path, named)
        if not there:
            found.leave_out('annotations without an image', path)
        elif len(there) > 1:
            found.leave_out('annotations of which it is not clear to which of two images they belong', path)
        elif there[0] in used:
            found.leave_out('annotations of an image that has some already', path)
        else:
            used.add(there[0])
            split = _listed_split(listed, path) if listed else split_of(path, root)
            if split is None:
                found.leave_out('images that are in no list of ImageSets/Main', there[0])
                continue
            found.examples.append(Example(there[0], path, split, _objects(node), _size(node)))
    return found


def parse(path: Path) -> ElementTree.Element:
    """Read an XML file, in whatever encoding Python knows.

    Raises:
        ValueError: It cannot be read.
    """
    data = path.read_bytes()
    is_marked = data.startswith(BOM_UTF8)
    data = data.removeprefix(BOM_UTF8).lstrip()
    declared = _ENCODING.match(data)
    try:
        if declared:  # expat knows no encoding of several bytes but UTF-8 and UTF-16
            text = data.decode('utf-8' if is_marked else declared[1].decode())
            return ElementTree.fromstring(text[text.index('?>') + 2 :].encode())
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f'{type(error).__name__}: {error}'.split(': line')[0]) from error


def _lists(files: list[Path]) -> dict[Path, dict[str, set[str]]]:
    """The names in ``ImageSets/Main/*.txt``, by the folder above ``ImageSets`` and by split."""
    found: dict[Path, dict[str, set[str]]] = {}
    for path in files:
        is_list = path.name in ('train.txt', 'val.txt', 'test.txt', 'trainval.txt')
        if is_list and path.parent.parts[-2:] == ('ImageSets', 'Main'):
            found.setdefault(path.parents[2], {})[path.stem] = set(read_lines(path))
    return found


def _leave_out_lacking(
    found: Found, listed: dict[Path, dict[str, set[str]]], annotations: list[Path]
) -> None:
    """Note the names in lists that have no annotations, such as ``a.jpg`` where it should be ``a``."""
    for folder, lists in listed.items():
        there = {path.stem for path in annotations if path.is_relative_to(folder)}
        for name, names in lists.items():
            for lacking in sorted(names - there):
                place = folder / f'ImageSets/Main/{name}.txt'
                found.leave_out('names in ImageSets/Main without annotations', f'{lacking} ({place})')


def _listed_split(listed: dict[Path, dict[str, set[str]]], path: Path) -> str | None:
    for folder, lists in listed.items():
        if path.is_relative_to(folder):
            for name, split in (('test', 'test'), ('val', 'val'), ('train', 'train'), ('trainval', 'train')):
                if path.stem in lists.get(name, ()):
                    return split
    return None


def _objects(node: ElementTree.Element) -> list[Marked]:
    found = []
    for entry in node.iter('object'):
        name = ' '.join((entry.findtext('name') or '').split())
        try:
            box = tuple(float(entry.findtext(f'bndbox/{side}')) for side in BOX)
        except (TypeError, ValueError):
            box = None
        if box and not all(map(math.isfinite, box)):
            box = None
        difficult = (entry.findtext('difficult') or '0').strip() not in ('', '0')
        found.append(Marked(name, box, difficult))
    return found


def _size(node: ElementTree.Element) -> tuple[int, int] | None:
    try:
        size = int(float(node.findtext('size/width'))), int(float(node.findtext('size/height')))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None  # some tools write zeros
