"""Whether a classification set is there and whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS

from ..datasets.cls_dataset import ClsDataset
from ..utils.registered import is_a
from .remark import Remark
from .walk import DataSet


def check(dataset: DataSet) -> Iterator[str]:
    """Look for the folder of a set.

    Args:
        dataset: The set.

    Yields:
        What the set itself says that it misses. One that is there is not read: the training will.
    """
    if dataset.cfg.get('data_root') and not folder(dataset).is_dir():
        try:
            DATASETS.build(dataset.cfg)
        except (OSError, ValueError) as error:
            yield str(error)


def check_held_out(sets: Sequence[DataSet]) -> Iterator[str]:
    """Look for images that a classifier is trained on and validated by.

    Args:
        sets: The data sets of a training.

    Yields:
        A remark for each validation set that has some.
    """
    ours = [dataset for dataset in sets if is_a(dataset.type, ClsDataset)]
    for other in (dataset for dataset in ours if not dataset.trained_on):
        for dataset in (dataset for dataset in ours if dataset.trained_on):
            if _source(dataset) == _source(other) and _overlap(dataset, other):
                yield Remark(
                    f'{other.key} has images of {dataset.key}, so that its accuracy is that of what has been '
                    'learnt. Give it another split, or both a per_class, such as (0, 80) and (80, 100)'
                )


def _source(dataset: DataSet) -> dict[str, Any]:
    """What says which images a set has, before it takes some of each class."""
    rest = {key: value for key, value in dataset.cfg.items() if key not in ('transforms', 'per_class')}
    return {**rest, 'data_root': dataset.root}


def _overlap(one: DataSet, other: DataSet) -> bool:
    ranges = [dataset.cfg.get('per_class') or (0, math.inf) for dataset in (one, other)]
    if not all(isinstance(ends, (list, tuple)) and len(ends) == 2 for ends in ranges):
        return False  # the set will say so
    return max(start for start, _ in ranges) < min(stop for _, stop in ranges)


def check_whole(dataset: DataSet, wanted: int | None) -> Iterator[str]:
    """Find all images as the training will, which takes seconds for ImageNet.

    Args:
        dataset: The set.
        wanted: The number of images that it must have, None where any number is right.

    Yields:
        What is wrong.
    """
    if not is_a(dataset.type, ClsDataset):
        return
    try:
        found = count(dataset)
    except (OSError, ValueError) as error:
        yield f'{dataset.type_name} in {folder(dataset)}: {error}'
        return
    if wanted is not None and found != wanted and not dataset.cfg.get('per_class'):
        yield f'{folder(dataset)} has {found:,} images, but must have {wanted:,}: copy it whole'


def count(dataset: DataSet) -> int:
    """Count the images, by building the set.

    Raises:
        OSError: It is not there.
        ValueError: It is not whole.
    """
    return len(DATASETS.build(dataset.cfg))


def folder(dataset: DataSet) -> Path:
    """The folder that holds the class folders."""
    return dataset.root / dataset.cfg.get('split', '')
