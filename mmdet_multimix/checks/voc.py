"""Whether a data set in Pascal VOC's format is there and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..utils.names import quote, shorten
from ..utils.spacing import evenly_spaced
from . import voc_content
from .encoding import check_encoding
from .images import SHOWN, check_images
from .kept import Kept, judge, say_alike
from .remark import Remark
from .taken import check_taken, filters_as_here, taken
from .voc_content import BOX, image_folder, is_read_as_here, list_names, read_xml, xml_path
from .walk import DataSet

_XML_FILES_READ = 4000  # a second


def check(dataset: DataSet) -> Iterator[str]:
    """Read the annotations of a set, of a large one some, and compare their names with its classes.

    Args:
        dataset: The set. Its list of images exists.

    Yields:
        A line for each fault, a remark for what goes on.
    """
    listed, classes = dataset.annotations, set(dataset.classes)
    if not classes or not is_read_as_here(dataset):
        return
    wrong = list(check_encoding(listed))
    yield from wrong
    if wrong:
        return
    names = list_names(listed)
    if '' in names:
        line = f'line {names.index("") + 1} of {listed} is blank'
        yield f'{line}: mmdet would look for {xml_path(dataset, "")}. Delete the line'
        return
    # Names of one's own may be misspelt: then all files are read for one that is nowhere.
    own = dataset.learnt and bool(dataset.chosen_classes)
    whole = len(names) <= _XML_FILES_READ
    try:
        found = voc_content.read(dataset, tuple(evenly_spaced(names, _XML_FILES_READ)))
        if not whole and own and classes - set(found.names):
            found, whole = voc_content.read(dataset, tuple(names)), True
    except FileNotFoundError as error:
        yield f'{listed} lists {Path(error.filename).stem}, but {error.filename} does not exist'
        return
    except ValueError as error:
        yield str(error)
        return
    there = set(found.names)
    absent = classes - there
    if there and not there & classes:
        yield (
            f'none of the classes {quote(dataset.classes)} is in the annotations of {listed}, '
            f'which have {quote(sorted(there))}. Set metainfo=dict(classes=...) and num_classes to match'
        )
        return
    if own and there - classes and absent:
        yield (
            f'the classes {quote(sorted(absent))} are in none of the annotations of {listed}, which '
            f'have {quote(sorted(there))}. Correct the names in metainfo=dict(classes=...), or leave them out'
        )
        return
    yield from say_alike(dataset, found.names)
    judged = list(judge(dataset, found.kept)) if whole else []
    yield from judged
    # Which images ``indices`` takes of a sample cannot be known.
    if filters_as_here(dataset) and (whole or dataset.cfg.get('indices') is None):
        if whole and all(isinstance(line, Remark) for line in judged):
            yield from check_taken(dataset, found.images)
        yield from check_images(dataset, taken(dataset, found.images))


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
    if not is_read_as_here(dataset):
        return
    images = image_folder(dataset)
    there = {entry.name for entry in os.scandir(images) if entry.stat().st_size} if images.is_dir() else ()
    sought = () if dataset.remote_images else found
    without = [images / f'{name}.jpg' for name in sought if f'{name}.jpg' not in there]
    broken: list[str] = []
    strange: dict[str, Path] = {}
    for name in found:
        path = xml_path(dataset, name)
        try:
            for node in read_xml(path).findall('object'):
                strange.setdefault(node.findtext('name'), path)
                for side in BOX:
                    float(node.findtext(f'bndbox/{side}'))
        except (OSError, TypeError, ValueError) as error:
            broken.append(f'{path} ({error})')
    if without and not broken:
        images_taken = taken(dataset, voc_content.listed(dataset, found)) if filters_as_here(dataset) else ()
        wanted_here = {image.path for image in images_taken}
        without = [path for path in without if path in wanted_here]
    if without:
        some = shorten(without, SHOWN)
        yield f'{len(without)} images listed in {listed} are not there or empty: {some}. {remedy}'
    if broken:
        some = shorten(broken, SHOWN)
        yield f'{len(broken)} annotations of {listed} cannot be read: {some}. {remedy}'
    # Who names the classes of a set may mean to leave some of its objects out, as mmdet does.
    for name, path in strange.items() if not dataset.chosen_classes else ():
        if name and name not in dataset.classes:
            yield (
                f'{path} has an object {name!r}, which is none of the classes {sorted(dataset.classes)} and '
                'would not be learnt. Correct its name, or name the wanted ones in metainfo=dict(classes=...)'
            )


def kept(dataset: DataSet) -> Kept | None:
    """The boxes of a set that can be learnt; None where it is large, or of another type."""
    names = list_names(dataset.annotations) if is_read_as_here(dataset) else ()
    return voc_content.read(dataset, names).kept if 0 < len(names) <= _XML_FILES_READ else None


def count(dataset: DataSet) -> int:
    """Count the images that the list names."""
    return len(list_names(dataset.annotations))
