"""Whether a classification set is there and whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmdet.registry import DATASETS

from ..datasets.cls_dataset import ClsDataset
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


def check_whole(dataset: DataSet, wanted: int | None) -> Iterator[str]:
    """Find all images as the training will, which takes seconds for ImageNet.

    Args:
        dataset: The set.
        wanted: The number of images that it must have, None where any number is right.

    Yields:
        What is wrong.
    """
    if not (isinstance(dataset.type, type) and issubclass(dataset.type, ClsDataset)):
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
