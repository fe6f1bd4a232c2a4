"""Whether a data set in COCO's format is there and whole."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from ..utils.names import quote, shorten
from .walk import DataSet

_SHOWN = 3  # faults of one kind that are named
_READ_WHOLE = 2**26  # bytes of JSON, a second; COCO's training set would take ten and 3 GB of memory


def check(dataset: DataSet) -> Iterator[str]:
    """Compare the classes of a set with the categories of its file, in milliseconds.

    Args:
        dataset: The set. Its annotations exist.

    Yields:
        A line for each fault.
    """
    path, classes = dataset.annotations, dataset.classes
    names = categories(path) if classes else []
    if names is None:
        yield f'{path} is no COCO annotation file: it has no readable list of categories'
        return
    missing = [name for name in classes if name not in names]
    ordered = [name for name in names if name in classes]
    if missing:
        yield (
            f'the classes {quote(missing)} are not among the categories of {path}, '
            f'which are {quote(names)}. Set metainfo=dict(classes=...) and num_classes to match'
        )
    elif ordered != list(classes):
        # mmdet numbers the labels in the order of the file, whatever the order of the names.
        yield (
            f'the classes are not in the order of {path}, so labels would carry wrong names. '
            f'Set metainfo=dict(classes=...) to {quote(ordered, len(ordered))}'
        )


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
    with path.open('rb') as file:
        file.seek(max(path.stat().st_size - 64, 0))
        if not file.read().rstrip().endswith(b'}'):
            yield f'{path} ends in the middle: it was not copied whole. {remedy}'
            return
    known = {}
    if path.stat().st_size < _READ_WHOLE:
        try:
            coco = json.loads(path.read_text())
            known = {image['id']: image['file_name'] for image in coco['images']}
            lost = [a['id'] for a in coco['annotations'] if a['image_id'] not in known or len(a['bbox']) != 4]
        except (ValueError, KeyError, TypeError) as error:
            yield f'{path} cannot be read as COCO annotations: {type(error).__name__} {error}. {remedy}'
            return
        if lost:
            some = shorten(lost, _SHOWN)
            yield f'{len(lost)} annotations of {path} belong to no image or have no box: {some}. {remedy}'
    if wanted is not None:
        for prefix in dataset.prefixes.values():
            there = sum(entry.name.endswith(('.jpg', '.png')) for entry in os.scandir(dataset.root / prefix))
            if there != wanted:
                yield f'{dataset.root / prefix} has {there:,} images, but must have {wanted:,}. {remedy}'
                return
    images = dataset.root / dataset.prefixes.get('img', '')
    without = [images / name for name in known.values() if not _has_content(images / name)]
    if without:
        some = shorten(without, _SHOWN)
        yield f'{len(without)} images listed in {path} are not there or empty: {some}. {remedy}'


def count(dataset: DataSet) -> int:
    """Count the images that the annotations list, without reading hundreds of megabytes into memory."""
    word, path = b'"file_name"', dataset.annotations
    if not path.stat().st_size:
        return 0
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        found, place = 0, text.find(word)
        while place >= 0:
            found, place = found + 1, text.find(word, place + 1)
    return found


def categories(path: Path) -> list[str] | None:
    """Read the category names of a COCO file in their order, without parsing hundreds of megabytes.

    Returns:
        None where the file is not laid out like COCO's.
    """
    if not path.stat().st_size:
        return None
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        start = text.rfind(b'"categories"')
        start = text.find(b'[', start) if start >= 0 else -1
        end = text.find(b']', start) if start >= 0 else -1
        if end < 0:
            return None
        try:
            return [category['name'] for category in json.loads(text[start : end + 1])]
        except (ValueError, KeyError, TypeError):
            pass  # categories with lists of their own (keypoints): take the long way
    try:
        return [category['name'] for category in json.loads(path.read_text())['categories']]
    except (ValueError, KeyError, TypeError):
        return None


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
