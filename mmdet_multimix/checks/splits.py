"""Whether an evaluation measures the images that are loaded, and what is learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmdet.evaluation import CocoMetric, VOCMetric
from mmdet.registry import METRICS
from mmengine.config import Config

from ..utils.names import shorten
from ..utils.registered import is_a, registered
from . import coco, coco_file, voc
from .coco_content import is_read_as_here, listed
from .kept import Kept
from .remark import Remark
from .taken import taken
from .walk import DataSet, data_sets, evaluators, has_backend


def check_evaluated(cfg: Config, key: str) -> Iterator[str]:
    """Compare the annotations of COCO's metric with those of the images that it is given.

    Args:
        cfg: The config.
        key: ``'val_evaluator'`` or ``'test_evaluator'``.

    Yields:
        A line for each file in which the images or classes are others, a remark where only the boxes are, or
        where there are none to measure.
    """
    loaded = data_sets(cfg, [key.replace('evaluator', 'dataloader')])
    sets = [
        dataset
        for dataset in loaded
        if not dataset.remote and dataset.annotations and dataset.annotations.is_file()
    ]
    for entry in evaluators(cfg, key):
        path, kind = entry.get('ann_file'), registered(entry.get('type'), METRICS)
        if is_a(kind, CocoMetric, VOCMetric):
            yield from _measured(loaded, entry, key)
        if not path or has_backend(entry) or not is_a(kind, CocoMetric):
            continue
        for dataset in sets:
            if Path(path).is_file() and is_read_as_here(dataset):
                yield from _compare(dataset, Path(path), f'{key}.ann_file')


def check_learnt(sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes that the training and the validation data have boxes of.

    Args:
        sets: The data sets of a training, without a fault of their own.

    Yields:
        A remark where a class is measured and never learnt, or learnt and never measured.
    """
    counts = [(dataset, kept(dataset)) for dataset in sets]
    if any(found is None for _, found in counts):
        return
    learnt, measured = (
        {name for dataset, found in counts if dataset.trained_on is side for name in found.kept}
        for side in (True, False)
    )
    if not learnt or not measured:
        return
    for these, those, line in (
        (measured, learnt, 'have boxes in the validation data, but none in the training data'),
        (learnt, measured, 'have boxes in the training data, but none in the validation data'),
    ):
        if these - those:
            yield Remark(f'{len(these - those)} classes {line}: {shorten(sorted(these - those))}')


def kept(dataset: DataSet) -> Kept | None:
    """The boxes of a set that are learnt or measured; None where they would take long to count."""
    path = dataset.annotations
    if dataset.remote or path is None or not path.is_file() or not dataset.classes:
        return None
    if is_read_as_here(dataset):
        return coco.kept(dataset)
    return voc.kept(dataset)


def _measured(loaded: Sequence[DataSet], entry: dict[str, Any], key: str) -> Iterator[str]:
    path = entry.get('ann_file')
    if entry.get('format_only') or has_backend(entry):
        return
    measured = [
        replace(dataset, cfg={**dataset.cfg, 'data_root': '', 'ann_file': path}) if path else dataset
        for dataset in loaded
        if not path or is_read_as_here(dataset)
    ]
    try:
        counts = [kept(dataset) for dataset in measured]
    except (ValueError, KeyError, TypeError):
        return  # of the file of a metric, which is read and named below
    if counts and not any(found is None or found.kept or found.dropped for found in counts):
        paths = dict.fromkeys(str(dataset.annotations) for dataset in measured)
        yield Remark(
            f'{key}: there is no box of the classes in {shorten(paths)}, so metrics will be -1 or 0 whatever '
            'is learnt. Set ann_file to annotated images'
        )


def _compare(dataset: DataSet, path: Path, key: str) -> Iterator[str]:
    mine = dataset.annotations
    if path.samefile(mine) or not (coco_file.is_small(path) and coco_file.is_small(mine)):
        return
    if path.read_bytes() == mine.read_bytes():
        return
    try:
        given, loaded = coco_file.read(path), coco_file.read(mine)
        there = {image['id']: Path(image['file_name']).name for image in given['images']}
        images = listed(dataset, loaded)
        left = {id(image) for image in taken(dataset, images)}
        wanted = {
            image['id']: Path(image['file_name']).name
            for image, entry in zip(loaded['images'], images, strict=True)
            if id(entry) in left
        }
        names = [entry['name'] for entry in given['categories'] if entry['name'] in dataset.classes]
        boxes = [_boxes(content, dataset.classes, wanted) for content in (given, loaded)]
    except (ValueError, KeyError, TypeError) as error:
        yield f'{key}: {path} cannot be read as COCO annotations: {type(error).__name__} {error}'
        return
    lacking = [image for image in wanted if image not in there]
    other = [image for image in wanted if image in there and there[image] != wanted[image]]
    if lacking:
        yield (
            f'{key}: {path} lacks {len(lacking)} of the {len(wanted)} images of {mine}, which are evaluated: '
            f'ids {shorten(lacking)}. Set it to the annotations of the data'
        )
    elif other:
        first = other[0]
        yield (
            f'{key}: image {first} is {there[first]} in {path}, but {wanted[first]} in {mine}. Set it to the '
            'annotations of the data'
        )
    elif list(names) != list(dataset.classes):
        yield (
            f'{key}: the classes of {dataset.key} are not the categories of {path}, or not in their order: '
            'labels would be scored as other classes. Set it to the annotations of the data'
        )
    elif boxes[0] != boxes[1]:
        yield Remark(
            f'{key}: scores are of the {boxes[0].total():,} boxes of {path}, which are not the '
            f'{boxes[1].total():,} of {mine}'
        )


def _boxes(content: dict[str, Any], classes: Sequence[str], images: dict[Any, str]) -> Counter:
    names = {entry['id']: entry['name'] for entry in content['categories'] if entry['name'] in classes}
    return Counter(
        (entry['image_id'], names[entry['category_id']], *entry['bbox'])
        for entry in content['annotations']
        if entry['category_id'] in names and entry['image_id'] in images
    )
