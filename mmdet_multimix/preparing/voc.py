"""Reads Pascal VOC's XML in any layout: beside the images, in folders of its own, with lists or without."""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from pathlib import Path
from xml.etree import ElementTree

from ..checks.voc_content import BOX
from ..utils.names import shorten
from .found import (
    IMAGES,
    SPLITS,
    Example,
    Found,
    Marked,
    as_compared,
    is_set,
    read_lines,
    split_named,
    split_of,
    upright,
)
from .nearest import Nearest
from .yolo_splits import lines_if_text

_ENCODING = re.compile(rb'<\?xml[^>]*encoding=["\']([\w.:-]+)["\'][^>]*\?>')
_ATTRIBUTE = 'attributes/attribute'
_FLAG = re.compile(r'\s+-?[01]$')  # whether an image has the class of a list
_NO_SPLIT = 'default'  # as CVAT calls the list of images that were given none


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
    names = {as_compared(path.name) for path in files if path.suffix.lower() in IMAGES}
    contrary, by_name = [], set()
    listed = _lists(files, annotations)
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
            if as_compared(named) == as_compared(there[0].name):
                by_name.add(path)
            elif as_compared(named) in names:
                contrary.append(path)
            split = _listed_split(listed, path) if listed else split_of(path, root)
            if split is None:
                found.leave_out('images that are in no list of ImageSets', there[0])
                continue
            found.examples.append(Example(there[0], path, split, _objects(node), _size(node)))
    _leave_out_masks(found, by_name, files)
    if not listed:
        _note_other_lists(found, files)
    if contrary:
        found.notes.append(
            f'{len(contrary)} annotations say in filename that they are of another image that is there, and '
            f'count for that of their own name: see whether their boxes are right: {shorten(contrary)}'
        )
    return found


def has_objects(path: Path) -> bool:
    """Whether annotations have objects, or nobody can tell, as they cannot be read."""
    try:
        return parse(path).find('object') is not None
    except ValueError:
        return True


def _leave_out_masks(found: Found, by_name: set[Path], files: list[Path]) -> None:
    """Leave out what is in a folder of namesakes of the images that annotations name with their ending.

    Where an image is missing, a mask of its name would be learnt.
    """
    named: dict[Path, list[Path]] = {}
    for example in found.examples:
        if example.source in by_name:
            named.setdefault(example.source.parent, []).append(example.image)
    folders: dict[str, set[Path]] = {}
    for path in files:
        if path.suffix.lower() in IMAGES:
            folders.setdefault(as_compared(path.stem), set()).add(path.parent)
    masks = {
        source: set().union(*(folders[as_compared(image.stem)] for image in images))
        - {image.parent for image in images}
        for source, images in named.items()
    }
    examples, found.examples = found.examples, []
    for example in examples:
        is_mask = example.image.parent in masks.get(example.source.parent, ())
        if is_mask and example.source not in by_name:
            found.leave_out('annotations without an image', example.source)
        else:
            found.examples.append(example)


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
            data = text[text.index('?>') + 2 :].encode()
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f'{type(error).__name__}: {error}'.split(': line')[0]) from error
    for node in root.iter():
        node.tag = node.tag.rpartition('}')[2]  # of a namespace, which no tool means anything by
    return root


def _lists(files: list[Path], annotations: list[Path]) -> dict[Path, dict[Path, set[str]]]:
    """The names in the lists of ``ImageSets/Main``, or else of ``ImageSets``, by folder and list.

    Tools name them as their users name the splits: ``train.txt``, ``Validation.txt``, ``default.txt``. Lists
    of a class, such as ``cat_train.txt``, count only where there are no others, as VoTT writes. Those outside
    of ``Main`` may be of another tool, and are lists of VOC where they name annotations as those do.
    """
    stems = {path.stem for path in annotations}
    for folders in (('ImageSets', 'Main'), ('ImageSets',)):
        is_main = folders[-1] == 'Main'
        found: dict[Path, dict[Path, set[str]]] = {}
        for path in filter(_is_list, files):
            if path.parent.parts[-len(folders) :] == folders:
                lines = read_lines(path) if is_main else lines_if_text(path)
                names = {line.replace('\\', '/') for line in lines}
                found.setdefault(path.parents[len(folders)], {})[path] = names
        all_lists = {path: names for lists in found.values() for path, names in lists.items()}
        fit = is_main or any(name.rpartition('/')[2] in stems for name in set().union(*all_lists.values()))
        if fit and any(map(_tells_of_split, all_lists)):
            return found
    return _lists_of_classes(files, stems)


def _lists_of_classes(files: list[Path], stems: set[str]) -> dict[Path, dict[Path, set[str]]]:
    """The names in lists such as ``cat_train.txt``, each with a flag behind it; none if none is annotated."""
    found: dict[Path, dict[Path, set[str]]] = {}
    for path in files:
        is_list = path.parent.parts[-2:] == ('ImageSets', 'Main') and path.suffix.lower() == '.txt'
        if is_list and split_named(path.stem.rpartition('_')[2]):
            names = {_FLAG.sub('', line) for line in lines_if_text(path)}
            names = {str(Path(n).with_suffix('')) if Path(n).suffix.lower() in IMAGES else n for n in names}
            found.setdefault(path.parents[2], {})[path] = names
    there = set().union(*(names for lists in found.values() for names in lists.values()))
    return found if there & stems else {}


def _tells_of_split(path: Path) -> bool:
    return split_named(path.stem) is not None and path.suffix.lower() == '.txt'


def _split_told(path: Path) -> str | None:
    return split_named(path.stem) or split_named(path.stem.rpartition('_')[2])


def _is_list(path: Path) -> bool:
    return _tells_of_split(path) or path.name.lower() == f'{_NO_SPLIT}.txt'


def _note_other_lists(found: Found, files: list[Path]) -> None:
    """Say what could be lists of splits in another place than VOC's, whose images are all for training."""
    stems = {example.source.stem for example in found.examples}
    others = [
        str(path)
        for path in filter(_tells_of_split, files)
        if any(
            Path(word).stem in stems for line in lines_if_text(path) for word in re.split(r'[\s\\/]', line)
        )
    ]
    if others and all(example.split == 'train' for example in found.examples):
        found.notes.append(
            'lists of images that are not read, as those of Pascal VOC are in ImageSets/Main, where names '
            f'have no endings: move them there: {shorten(others)}'
        )


def _leave_out_lacking(
    found: Found, listed: dict[Path, dict[Path, set[str]]], annotations: list[Path]
) -> None:
    """Note the names in lists that have no annotations, such as ``a.jpg`` where it should be ``a``."""
    for folder, lists in listed.items():
        there: set[str] = set()
        there.update(*(_names(path, folder) for path in annotations if path.is_relative_to(folder)))
        for place, names in lists.items():
            for lacking in sorted(names - there):
                found.leave_out('names in ImageSets without annotations', f'{lacking} ({place})')


def _listed_split(listed: dict[Path, dict[Path, set[str]]], path: Path) -> str | None:
    for folder, lists in listed.items():
        if path.is_relative_to(folder):
            ours = _names(path, folder)
            splits = {_split_told(place) or 'train' for place, names in lists.items() if ours & names}
            if splits:
                return max(splits, key=SPLITS.index)  # trainval.txt has what val.txt has
    return None


def _names(path: Path, folder: Path) -> set[str]:
    """What lists may call an annotation: by its name, or by folders as well where several have one of it."""
    parts = path.relative_to(folder).with_suffix('').parts
    return {'/'.join(parts[index:]) for index in range(len(parts))}


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
        degrees = next(
            (a.findtext('value') for a in entry.iterfind(_ATTRIBUTE) if a.findtext('name') == 'rotation'),
            None,
        )
        around = box and upright(box, degrees)
        difficult = is_set(entry.findtext('difficult'))
        found.append(Marked(name, around, difficult, rotated=around != box))
    return found


def _size(node: ElementTree.Element) -> tuple[int, int] | None:
    try:
        size = int(float(node.findtext('size/width'))), int(float(node.findtext('size/height')))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None  # some tools write zeros
