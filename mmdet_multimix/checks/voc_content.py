"""Reads a data set in Pascal VOC's format as mmdet does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from mmdet.datasets import VOCDataset, XMLDataset

from .images import Listed
from .kept import CROWD, Kept
from .walk import DataSet

BOX = ('xmin', 'ymin', 'xmax', 'ymax')


@dataclass
class Content:
    """The objects of some images.

    Attributes:
        names: The number of objects of each name, classes of the set or not.
        kept: The boxes of its classes.
        images: Their sizes and boxes.
    """

    names: Counter[str] = field(default_factory=Counter)
    kept: Kept = field(default_factory=Kept)
    images: list[Listed] = field(default_factory=list)


def is_read_as_here(dataset: DataSet) -> bool:
    """Whether a type reads its files as ``XMLDataset`` does; ``WIDERFaceDataset`` has other folders."""
    return all(
        getattr(dataset.type, name, None) in (getattr(XMLDataset, name), getattr(VOCDataset, name))
        for name in ('__init__', 'sub_data_root', 'load_data_list', 'parse_data_info', '_parse_instance_info')
    )


def list_names(path: Path) -> list[str]:
    """Read the names of the images of a set, which may have spaces, as mmengine does."""
    lines = path.read_text(encoding='utf-8').split('\n')
    return lines[:-1] if lines[-1] == '' else lines


def read_xml(path: Path) -> ElementTree.Element:
    """Read the annotations of an image.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is no XML, or not in an encoding that Python reads.
    """
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        hint = '; save it as UTF-8, mmdet cannot read it either' if 'encoding' in str(error) else ''
        raise ValueError(f'{path} is not readable XML: {error}{hint}') from error


def read(dataset: DataSet, names: Sequence[str]) -> Content:
    """Count the objects of some images, and which of them are learnt.

    Raises:
        FileNotFoundError: An image has no annotations.
        ValueError: Some cannot be read, or not by mmdet; with the first of them.
    """
    found, classes = Content(), set(dataset.classes)
    for image in names:
        path = xml_path(dataset, image)
        root = read_xml(path)
        wrong = _unreadable(root, classes)
        if wrong:
            raise ValueError(f'{path} has {wrong}, where mmdet reads a number. Correct it, or take it out')
        objects = enumerate(root.findall('object'), 1)
        nameless = [number for number, node in objects if node.find('name') is None]
        if nameless:
            raise ValueError(
                f'{path} has object {nameless[0]} without a name, on which mmdet ends. Name it, or delete it'
            )
        found.images.append(_listed(dataset, image, root))
        for node in root.findall('object'):
            name = node.findtext('name')
            if not name:
                continue  # mmdet passes over it
            found.names[name] += 1
            if name not in classes:
                continue
            reason = _reason(node)
            if reason is None:
                found.kept.kept[name] += 1
            else:
                found.kept.dropped[name, reason] += 1
    return found


def listed(dataset: DataSet, names: Sequence[str]) -> list[Listed]:
    """Some images with the sizes and boxes in their annotations."""
    return [_listed(dataset, name, read_xml(xml_path(dataset, name))) for name in names]


def _listed(dataset: DataSet, name: str, root: ElementTree.Element) -> Listed:
    try:
        sides = root.find('size')
        size = None if sides is None else (int(sides.findtext('width')), int(sides.findtext('height')))
        boxes = [_box(node) for node in root.findall('object') if node.findtext('name') in dataset.classes]
    except (TypeError, ValueError):
        size, boxes = None, []
    return Listed(image_folder(dataset) / f'{name}.jpg', size, boxes)


def image_folder(dataset: DataSet) -> Path:
    """The folder of the images."""
    return _folder(dataset) / dataset.cfg.get('img_subdir', 'JPEGImages')


def xml_path(dataset: DataSet, name: str) -> Path:
    """The annotations of an image."""
    return _folder(dataset) / dataset.cfg.get('ann_subdir', 'Annotations') / f'{name}.xml'


def _folder(dataset: DataSet) -> Path:
    return dataset.root / dataset.prefixes.get('sub_data_root', '')


def _box(node: ElementTree.Element) -> list[float]:
    return [float(node.findtext(f'bndbox/{side}')) for side in BOX]


def _unreadable(root: ElementTree.Element, classes: Set[str]) -> str | None:
    """What in the annotations of an image ends ``XMLDataset``'s reading, None if nothing does."""
    sized = ('width', 'height') if root.find('size') is not None else ()
    wanted: list[tuple[ElementTree.Element, str, str, Callable[[str], int]]]
    wanted = [(root, f'size/{side}', f'the {side}', int) for side in sized]
    for number, node in enumerate(root.findall('object'), 1):
        name = node.findtext('name')
        if name in classes:
            of = f'of object {number}, {name!r},'
            wanted += [(node, f'bndbox/{side}', f'{side} {of}', _coordinate) for side in BOX]
            if node.find('difficult') is not None:
                wanted.append((node, 'difficult', f'difficult {of}', int))
    for node, place, told, number_of in wanted:
        try:
            number_of(node.findtext(place) or '')
        except (ValueError, OverflowError):
            return f'{told} as {node.findtext(place)!r}'
    return None


def _coordinate(text: str) -> int:
    return int(float(text))


def _reason(node: ElementTree.Element) -> str | None:
    """Why nothing can be learnt from an object, None if something can."""
    if node.findtext('difficult', '0').strip() not in ('', '0'):
        return CROWD
    x1, y1, x2, y2 = _box(node)
    if x2 < x1 or y2 < y1:
        return 'of negative size'
    if max(x2, y2) <= 1:
        return 'with coordinates in 0..1, not in pixels'
    return 'thinner than a pixel' if int(x2) <= int(x1) or int(y2) <= int(y1) else None
