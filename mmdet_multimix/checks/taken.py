"""Which images of a data set mmdet takes: after ``filter_cfg`` and ``indices`` others need not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmdet.datasets import CocoDataset, XMLDataset

from .images import Listed
from .walk import DataSet


def filters_as_here(dataset: DataSet) -> bool:
    """Whether a type leaves images out as ``CocoDataset`` does, and not by a rule of its own."""
    return getattr(dataset.type, 'filter_data', None) in (CocoDataset.filter_data, XMLDataset.filter_data)


def taken(dataset: DataSet, images: Sequence[Listed]) -> Sequence[Listed]:
    """Leave out the images that the set never loads.

    Args:
        dataset: The set, for which :func:`filters_as_here` holds.
        images: All that its annotations list, with the boxes of its classes.
    """
    *_, (_, left) = _steps(dataset, images)
    return left


def check_taken(dataset: DataSet, images: Sequence[Listed]) -> Iterator[str]:
    """Name the setting that leaves a set without any image, which mmdet cannot build.

    Args:
        dataset: As for :func:`taken`.
        images: Likewise.

    Yields:
        A line where nothing is left.
    """
    key = next((key for key, left in _steps(dataset, images) if not left), None)
    if key is None or not dataset.cfg.get('serialize_data', True):  # mmengine fails where it serializes
        return
    if not images:
        yield f'{dataset.annotations} lists no image, so the set is empty. Set ann_file to that of the data'
        return
    yield (
        f'{key} leaves none of the {len(images):,} images of {dataset.annotations}, so the set is empty. '
        f'Change {key}, or set ann_file to that of the data'
    )


def _steps(dataset: DataSet, images: Sequence[Listed]) -> Iterator[tuple[str, Sequence[Listed]]]:
    """The key of each setting that leaves images out, in mmdet's order, and what is left after it."""
    cfg = dataset.cfg
    rules = {} if cfg.get('test_mode') else cfg.get('filter_cfg') or {}
    indices = cfg.get('indices')
    yield 'ann_file', images
    # mmdet opens an image to learn the size that its annotations lack, so that one is needed in any case.
    if rules.get('filter_empty_gt'):
        images = [image for image in images if image.boxes or image.size is None]
        yield 'filter_cfg.filter_empty_gt', images
    if rules.get('min_size'):
        images = [image for image in images if image.size is None or min(image.size) >= rules['min_size']]
        yield 'filter_cfg.min_size', images
    if isinstance(indices, int):
        yield 'indices', images[:indices] if indices >= 0 else images[indices:]
    elif indices is not None:
        yield 'indices', [images[index] for index in indices if -len(images) <= index < len(images)]
