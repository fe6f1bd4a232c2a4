"""Whether a data set in COCO's format is there and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mmdet.datasets import Objects365V1Dataset

from ..utils.names import quote, shorten
from ..utils.registered import is_a
from . import coco_file
from .coco_content import check_content, is_read_as_here, kept_boxes, listed
from .encoding import check_encoding
from .images import SHOWN, has_content
from .kept import Kept
from .remark import Remark
from .taken import filters_as_here, taken
from .walk import DataSet


def check(dataset: DataSet) -> Iterator[str]:
    """Compare the classes of a set with the categories of its file; read all of one that is not too large.

    Args:
        dataset: The set. Its annotations exist.

    Yields:
        A line for each fault.
    """
    path, classes = dataset.annotations, dataset.classes
    if not dataset.read_by_mmdet:  # a reader of one's own may map the categories
        return
    wrong = list(check_encoding(path))
    yield from wrong
    if wrong:
        return
    if _is_cut(path):
        yield f'{path} ends in the middle: it was not copied whole. {dataset.remedy}'
        return
    # Its official files list the categories differently, so mmdet sorts them.
    by_id = is_a(dataset.type, Objects365V1Dataset)
    names = coco_file.categories(path, by_id) if classes else []
    if names is None:
        yield f'{path} is no COCO annotation file: it has no readable list of categories'
        return
    missing = [name for name in classes if name not in names]
    ordered = list(dict.fromkeys(name for name in names if name in classes))
    # mmdet numbers the labels in the order of the file, whatever the order of the names.
    in_order = ordered == list(classes[: len(ordered)])
    # The parts of a concatenation must have the same classes, of which one need not have the last.
    if missing and not (ordered and in_order and set(missing) <= _of_other_parts(dataset, by_id)):
        yield (
            f'the classes {quote(missing)} are not among the categories of {path}, '
            f'which are {quote(names)}. Set metainfo=dict(classes=...) and num_classes to match'
        )
        return
    if not in_order:
        yield (
            f'the classes are not in the order of {path}, so labels would carry wrong names. '
            f'Set metainfo=dict(classes=...) to {_tuple(ordered)}'
        )
        return
    if missing:
        yield Remark(f'{path} has no category {quote(missing)}: nothing is learnt of it from this part')
    if classes and coco_file.is_small(path) and is_read_as_here(dataset):
        yield from check_content(dataset)


def _of_other_parts(dataset: DataSet, by_id: bool) -> set[str]:
    """The categories in the files of all sets that are trained on together with this one."""
    found: set[str] = set()
    for cfg in dataset.parts:
        path = DataSet('', cfg).annotations
        if path is not None and path.suffix == '.json' and path.is_file():
            found.update(coco_file.categories(path, by_id) or ())
    return found


def check_whole(dataset: DataSet, wanted: int | None) -> Iterator[str]:
    """Count the images and look for each; read all annotations of a file that is not too large.

    Args:
        dataset: The set. Its annotations and its folders of images exist.
        wanted: The number of images that it must have, None where any number is right.

    Yields:
        A line for each kind of fault.
    """
    path, remedy = dataset.annotations, dataset.remedy
    found = count(dataset)
    if wanted is not None and found != wanted:
        yield f'{path} lists {found:,} images, but must have {wanted:,}. {remedy}'
    known: list[Path] = []
    if coco_file.is_small(path) and is_read_as_here(dataset):
        try:
            coco = coco_file.read(path)
            ids = {image['id'] for image in coco['images']}
            lost = [a['id'] for a in coco['annotations'] if a['image_id'] not in ids or len(a['bbox']) != 4]
            if not lost and filters_as_here(dataset):
                known = [image.path for image in taken(dataset, listed(dataset, coco))]
        except (ValueError, KeyError, TypeError) as error:
            yield f'{path} cannot be read as COCO annotations: {type(error).__name__} {error}. {remedy}'
            return
        if lost:
            some = shorten(lost, SHOWN)
            yield f'{len(lost)} annotations of {path} belong to no image or have no box: {some}. {remedy}'
    if dataset.remote_images:
        return
    if wanted is not None and is_read_as_here(dataset):  # LVIS has the images of COCO's, in its folders
        for prefix in dataset.prefixes.values():
            there = sum(entry.name.endswith(('.jpg', '.png')) for entry in os.scandir(dataset.root / prefix))
            if there != wanted:
                yield f'{dataset.root / prefix} has {there:,} images, but must have {wanted:,}. {remedy}'
                return
    without = [image for image in known if not has_content(image)]
    if without:
        some = shorten(without, SHOWN)
        yield f'{len(without)} images listed in {path} are not there or empty: {some}. {remedy}'


def kept(dataset: DataSet) -> Kept | None:
    """The boxes that mmdet keeps; None of a file that would take long to read."""
    path = dataset.annotations
    return kept_boxes(coco_file.read(path), dataset.classes) if coco_file.is_small(path) else None


def count(dataset: DataSet) -> int:
    """Count the images that the annotations list, without reading hundreds of megabytes into memory."""
    return coco_file.count(dataset.annotations)


def _tuple(names: list[str]) -> str:
    """Names as a config has them."""
    return f'({quote(names, len(names))},)'


def _is_cut(path: Path) -> bool:
    """Whether a file begins as JSON does and does not end so."""
    with path.open('rb') as file:
        begin = file.read(64).lstrip()
        file.seek(max(path.stat().st_size - 64, 0))
        return begin.startswith(b'{') and not file.read().rstrip().endswith(b'}')
