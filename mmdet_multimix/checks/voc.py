"""Whether a data set in Pascal VOC's format is there and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ..utils.names import quote, shorten
from .walk import DataSet

_SHOWN = 3  # faults of one kind that are named
_XML_FILES_READ = 200  # enough to see every class name of any set that could be trained on
_BOX = ('xmin', 'ymin', 'xmax', 'ymax')


def check(dataset: DataSet) -> Iterator[str]:
    """Look for the classes of a set in some of its annotations, in milliseconds.

    Args:
        dataset: The set. Its list of images exists.

    Yields:
        The first fault.
    """
    listed, classes = dataset.annotations, set(dataset.classes)
    names: set[str] = set()
    # Names of one's own may be misspelt: then all files are read for one that is nowhere.
    own = dataset.learnt and bool(dataset.chosen_classes)
    for number, name in enumerate(list_names(listed) if classes else ()):
        if number >= _XML_FILES_READ and not (own and classes - names):
            break
        path = _annotations(dataset) / f'{name}.xml'
        try:
            names.update(node.findtext('name', '') for node in read_objects(path))
        except FileNotFoundError:
            yield f'{listed} lists {name}, but {path} does not exist'
            return
        except ValueError as error:
            yield str(error)
            return
    if names and not names & classes:
        yield (
            f'none of the classes {quote(dataset.classes)} is in the annotations of {listed}, '
            f'which have {quote(sorted(names))}. Set metainfo=dict(classes=...) and num_classes to match'
        )
    elif own and names - classes and classes - names:
        yield (
            f'the classes {quote(sorted(classes - names))} are in none of the annotations of {listed}, which '
            f'have {quote(sorted(names))}. Correct the names in metainfo=dict(classes=...), or leave them out'
        )


def check_whole(dataset: DataSet, wanted: int | None) -> Iterator[str]:
    """Count the images and look for each, and read all annotations.

    Args:
        dataset: The set. Its list of images exists.
        wanted: The number of images that it must have, None where any number is right.

    Yields:
        A line for each kind of fault.
    """
    listed, remedy = dataset.annotations, dataset.remedy
    found = list_names(listed)
    if wanted is not None and len(found) != wanted:
        yield f'{listed} lists {len(found):,} images, but must have {wanted:,}. {remedy}'
    images = _folder(dataset) / dataset.cfg.get('img_subdir', 'JPEGImages')
    there = {entry.name for entry in os.scandir(images) if entry.stat().st_size} if images.is_dir() else ()
    without = [images / f'{name}.jpg' for name in found if f'{name}.jpg' not in there]
    broken, strange = [], {}
    for name in found:
        path = _annotations(dataset) / f'{name}.xml'
        try:
            for node in read_objects(path):
                strange.setdefault(node.findtext('name'), path)
                for side in _BOX:
                    float(node.findtext(f'bndbox/{side}'))
        except (OSError, TypeError, ValueError) as error:
            broken.append(f'{path} ({error})')
    if without:
        some = shorten(without, _SHOWN)
        yield f'{len(without)} images listed in {listed} are not there or empty: {some}. {remedy}'
    if broken:
        some = shorten(broken, _SHOWN)
        yield f'{len(broken)} annotations of {listed} cannot be read: {some}. {remedy}'
    # Who names the classes of a set may mean to leave some of its objects out, as mmdet does.
    for name, path in strange.items() if not dataset.chosen_classes else ():
        if name not in dataset.classes:
            yield (
                f'{path} has an object {name!r}, which is none of the classes {sorted(dataset.classes)} and '
                'would not be learnt. Correct its name, or name the wanted ones in metainfo=dict(classes=...)'
            )


def count(dataset: DataSet) -> int:
    """Count the images that the list names."""
    return len(list_names(dataset.annotations))


def list_names(path: Path) -> list[str]:
    """Read the names of the images of a set."""
    return path.read_text().split()


def read_objects(path: Path) -> list[ElementTree.Element]:
    """Read the objects of an image.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is no XML.
    """
    try:
        return ElementTree.parse(path).findall('object')
    except ElementTree.ParseError as error:
        raise ValueError(f'{path} is not readable XML: {error}') from error


def _folder(dataset: DataSet) -> Path:
    return dataset.root / dataset.prefixes.get('sub_data_root', '')


def _annotations(dataset: DataSet) -> Path:
    return _folder(dataset) / dataset.cfg.get('ann_subdir', 'Annotations')
