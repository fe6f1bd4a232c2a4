"""What mmdet makes of the annotations in a file of COCO's format."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset

from ..utils.names import quote, shorten
from . import coco_file
from .images import SHOWN, Listed, check_images
from .kept import CROWD, Kept, judge, say_alike
from .remark import Remark
from .taken import check_taken, filters_as_here, taken
from .walk import DataSet


def is_read_as_here(dataset: DataSet) -> bool:
    """Whether a type reads its file as ``CocoDataset`` does, so that what is said here holds for it."""
    return all(
        getattr(dataset.type, name, None) is getattr(CocoDataset, name)
        for name in ('__init__', 'load_data_list', 'parse_data_info')
    )


def check_content(dataset: DataSet) -> Iterator[str]:
    """Read the annotations of a set, and say what of them will not be learnt or would be misread.

    Args:
        dataset: The set. Its file is small, its classes are among the categories.

    Yields:
        A line for each fault, a remark for what goes on.
    """
    path = dataset.annotations
    try:
        coco = coco_file.read(path)
        faults = list(misread(dataset, coco))
        yield from faults
        if any(not isinstance(fault, Remark) for fault in faults):
            return
        faults = list(_without_size(path, coco))
        yield from faults
        if faults:
            return
        names = {entry['id']: entry['name'] for entry in coco['categories']}
        yield from say_alike(dataset, Counter(names.get(a['category_id'], '') for a in coco['annotations']))
        judged = list(judge(dataset, kept_boxes(coco, dataset.classes)))
        yield from judged
        yield from _text_for_crowd(path, coco)
        images = listed(dataset, coco)
        yield from check_corners(path, images)
        yield from _listed_twice(path, images)
    except (ValueError, KeyError, TypeError) as error:
        yield f'{path} cannot be read as COCO annotations: {type(error).__name__} {error}. {dataset.remedy}'
        return
    if filters_as_here(dataset):
        if all(isinstance(line, Remark) for line in judged):
            yield from check_taken(dataset, images)
        yield from check_images(dataset, taken(dataset, images))


def listed(dataset: DataSet, coco: dict[str, Any]) -> list[Listed]:
    """The images of a file with their boxes of the set's classes.

    Args:
        dataset: The set.
        coco: The content of its file.
    """
    own = {entry['id'] for entry in coco['categories'] if entry['name'] in dataset.classes}
    of_image: dict[Any, list[list[float]]] = {}
    for annotation in coco['annotations']:
        if annotation['category_id'] in own and is_box(annotation.get('bbox')):
            x, y, w, h = annotation['bbox']
            of_image.setdefault(annotation['image_id'], []).append([x, y, x + w, y + h])
    folder = dataset.root / dataset.prefixes.get('img', '')
    return [
        Listed(folder / image['file_name'], (image['width'], image['height']), of_image.get(image['id'], ()))
        for image in {image['id']: image for image in coco['images']}.values()
    ]


def check_corners(path: Path, images: Sequence[Listed]) -> Iterator[str]:
    """Look for boxes that are ``[x1, y1, x2, y2]``, which mmdet clips to its images without a word.

    Args:
        path: The file.
        images: Its images and boxes.

    Yields:
        A remark where a quarter of the boxes reach past their image, and all are inside if read so.
    """
    boxes = [
        (x, y, x2 - x, y2 - y, *image.size)
        for image in images
        for x, y, x2, y2 in image.boxes
        if image.size and x2 > x and y2 > y
    ]
    past = sum(x + w > width + 1 or y + h > height + 1 for x, y, w, h, width, height in boxes)
    fit = all(x < w <= width + 1 and y < h <= height + 1 for x, y, w, h, width, height in boxes)
    if fit and 4 * past > len(boxes):
        yield Remark(
            f'{past:,} of {len(boxes):,} boxes of {path} reach past the border of their image, and none '
            'would as [x1, y1, x2, y2]. If they are that, write [x, y, width, height]'
        )


def _without_size(path: Path, coco: dict[str, Any]) -> Iterator[str]:
    """Images from which mmdet cannot read how large they are."""
    annotated = {entry['image_id'] for entry in coco['annotations']}
    without = [
        image['id']
        for image in coco['images']
        if not {'width', 'height'} <= set(image)
        or (image['id'] in annotated and not all(map(_is_number, (image['width'], image['height']))))
    ]
    if without:
        yield (
            f'{len(without)} images of {path} have no width and height as numbers, which mmdet needs: ids '
            f'{shorten(without)}. Write them in pixels, without quotes'
        )


def _text_for_crowd(path: Path, coco: dict[str, Any]) -> Iterator[Remark]:
    number = sum(
        isinstance(entry.get(key), str) and bool(entry[key])
        for entry in coco['annotations']
        for key in ('iscrowd', 'ignore')
    )
    if number:
        yield Remark(
            f'{number:,} annotations of {path} have iscrowd or ignore as text, even "0" of which leaves them '
            'out. Write 0 or 1 without quotes'
        )


def _listed_twice(path: Path, images: Sequence[Listed]) -> Iterator[Remark]:
    boxes: dict[Path, list[list]] = {}
    for image in images:
        boxes.setdefault(image.path, []).append(sorted(image.boxes))
    double = [str(name) for name, found in boxes.items() if any(other != found[0] for other in found)]
    if double:
        yield Remark(
            f'{len(double)} images are in {path} under several ids with other boxes: '
            f'{shorten(double, SHOWN)}. The objects of one are background in the other: give each one id'
        )


def kept_boxes(coco: dict[str, Any], classes: tuple[str, ...]) -> Kept:
    """Count the boxes that ``CocoDataset`` keeps, and the others by its reasons.

    Args:
        coco: The content of the file.
        classes: The classes of the set.
    """
    found = Kept()
    names = {entry['id']: entry['name'] for entry in coco['categories'] if entry['name'] in classes}
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    for annotation in coco['annotations']:
        name, size = names.get(annotation['category_id']), sizes.get(annotation['image_id'])
        if name is None or size is None:
            continue
        reason = why_dropped(annotation, *size)
        if reason is None:
            found.kept[name] += 1
        else:
            found.dropped[name, reason] += 1
    return found


def why_dropped(annotation: dict[str, Any], width: float, height: float) -> str | None:
    """Why ``CocoDataset.parse_data_info`` leaves a box out, None if it does not."""
    if annotation.get('ignore') or annotation.get('iscrowd'):
        return CROWD
    x, y, w, h = annotation['bbox']
    inside = (min(x + w, width) - max(x, 0), min(y + h, height) - max(y, 0))
    if w < 0 or h < 0:
        return 'of negative size'
    if max(x + w, y + h) <= 1 and (w or h):
        return 'with coordinates in 0..1, not in pixels'
    if w < 1 or h < 1:
        return 'thinner than a pixel'
    if annotation['area'] <= 0:
        return 'with an area of 0'
    return 'outside of their image' if min(inside) <= 0 else None


def misread(dataset: DataSet, coco: dict[str, Any]) -> Iterator[str]:
    """Ids that do not say what they should."""
    path, images, annotations = dataset.annotations, coco['images'], coco['annotations']
    # An entry that is there again, as in joined files, is the same image.
    told = {(image['id'], image['file_name'], image.get('width'), image.get('height')) for image in images}
    twice = [key for key, number in Counter(key for key, *_ in told).items() if number > 1]
    if twice:
        yield (
            f'{len(twice)} image ids of {path} are given twice: {shorten(twice)}. All but the last image of '
            'each would be lost, and their boxes go to it. Give each image an id of its own'
        )
    twice = [key for key, number in Counter(entry['id'] for entry in annotations).items() if number > 1]
    if twice and getattr(dataset.type, 'ANN_ID_UNIQUE', True):
        yield (
            f'{len(twice)} annotation ids of {path} are given twice: {shorten(twice)}; mmdet refuses that. '
            'Number the annotations from 1'
        )
    named: dict[Any, set[Any]] = {}
    for entry in coco['categories']:
        named.setdefault(entry['id'], set()).add(entry['name'])
    used = Counter(entry['category_id'] for entry in annotations)
    for key, names in named.items():
        ours = names & set(dataset.classes)
        if used[key] and ours and len(names) > 1:
            yield (str if len(ours) > 1 else Remark)(
                f'{path} has the category id {key!r} for {quote(sorted(names, key=str))}: all their boxes '
                'would get one name. Give each category an id of its own'
            )
    unknown = sorted(set(used) - set(named), key=str)
    if unknown:
        number = sum(used[key] for key in unknown)
        line = (
            f'{number:,} annotations of {path} have the category id {shorten(map(repr, unknown))}, which no '
            f'category has{_as_text(unknown, named)}'
        )
        if _are_shifted(unknown, named, used):
            yield (
                f'{line}: the others seem to be shifted by one, so boxes would get the name of a neighbour. '
                'Count both from the same number'
            )
        else:
            yield Remark(f'{line}; they are left out')
    listed = {image['id'] for image in images}
    lost = [entry['id'] for entry in annotations if entry['image_id'] not in listed]
    if lost:
        as_text = _as_text({entry['image_id'] for entry in annotations} - listed, listed)
        kind = str if len(lost) == len(annotations) else Remark
        yield kind(
            f'{len(lost):,} annotations of {path} are of images that it does not list{as_text}; they are '
            'left out'
        )
    # mmdet reads no more of the others. What is measured is read by pycocotools, too.
    read = [
        entry
        for entry in annotations
        if entry['image_id'] in listed and not (dataset.trained_on and entry.get('ignore'))
    ]
    no_box = [entry['id'] for entry in read if not is_box(entry.get('bbox'))]
    if no_box:
        yield f'{len(no_box)} annotations of {path} have no box [x, y, width, height]: {shorten(no_box)}'
    lacking = [entry['id'] for entry in read if not isinstance(entry.get('area'), (int, float))]
    if lacking:
        yield f'{len(lacking)} annotations of {path} have no area: {shorten(lacking)}; it is width * height'
    entries = Counter(entry['name'] for entry in coco['categories'])
    double = [name for name, number in entries.items() if number > 1]
    if set(double) & set(dataset.classes):
        yield f'{path} has more than one category named {quote(double)}: give each a name of its own'


def _as_text(unknown: Iterable[Any], known: Iterable[Any]) -> str:
    """What to say of ids that would be known if all were numbers, or all text."""
    same = {str(key) for key in unknown} & {str(key) for key in known}
    return ' (one is text, the other a number: write both as numbers)' if same else ''


def _are_shifted(unknown: list[Any], named: Collection[Any], used: Counter) -> bool:
    """Whether annotations count their categories from one less or one more than the list does."""
    if len(unknown) != 1 or not all(isinstance(key, int) for key in {*named, *used}):
        return False
    low, high = min(named), max(named)
    return (unknown[0] == low - 1 and not used[high]) or (unknown[0] == high + 1 and not used[low])


def is_box(box: Any) -> bool:
    """Whether this is a list of four numbers."""
    return isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
