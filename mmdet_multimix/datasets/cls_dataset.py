"""The base of the classification datasets: transforms, label checks, subsets, and the shape of an item."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image
from torch.utils.data import Dataset

from .transforms import build_transforms


class ClsDataset(Dataset):
    """A torchvision-style dataset as mmengine's Runner wants it.

    Items are ``dict(inputs=uint8 tensor (3, h, w), gt_label=int)`` in RGB order. Nothing is normalised here.
    Mean and standard deviation belong to the model's ``data_preprocessor``, in the range 0 to 255 as in
    mmdet, so that a backbone sees the same numbers in pretraining and in a detector.

    Args:
        source: Map-style dataset whose items are ``(PIL.Image, label)``.
        targets: The labels of all items of ``source``, without loading an image.
        classes: Class names in the order of the labels.
        transforms: See :func:`build_transforms`.
        per_class: ``(start, stop)``: keep of every class only the items from its ``start``-th to before its
            ``stop``-th, in the order of ``source``. Two disjoint ranges make a training and a validation
            split of one training set.

    Raises:
        ValueError: Labels outside of ``0 .. len(classes) - 1``, or a ``per_class`` range that no class fills.
    """

    def __init__(
        self,
        source: Dataset | Sequence[tuple[Image, int]],
        targets: Sequence[int],
        classes: Sequence[str],
        *,
        transforms: Sequence[dict] = (),
        per_class: tuple[int, int] | None = None,
    ) -> None:
        self.source = source
        self.classes = tuple(classes)
        self.transforms = build_transforms(transforms)
        labels = np.asarray(targets, dtype=np.int64)
        wrong = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if wrong.size:
            raise ValueError(
                f'{type(self).__name__}: {wrong.size} labels are outside of 0..{len(self.classes) - 1}, '
                f'the first is {labels[wrong[0]]} at item {wrong[0]}'
            )
        self.indices = np.arange(len(labels))
        if per_class is not None:
            ends = per_class if isinstance(per_class, (list, tuple)) else ()
            if len(ends) != 2 or not all(type(end) is int for end in ends):
                raise ValueError(f'per_class must be (start, stop), whole numbers, got {per_class!r}')
            self.indices = _class_ranges(labels, len(self.classes), *per_class)
        self.targets = labels[self.indices]

    @property
    def metainfo(self) -> dict:
        """What mmengine hands to metrics and hooks: the class names."""
        return {'classes': self.classes}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict:
        image, label = self.source[self.indices[index]]
        inputs = self.transforms(image.convert('RGB'))
        if inputs.dtype != torch.uint8:
            raise ValueError(
                f'{type(self).__name__}: the transforms give {inputs.dtype}, but images must stay uint8 in '
                '0..255; normalise in the data_preprocessor of the model'
            )
        return {'inputs': inputs, 'gt_label': int(label)}


def _class_ranges(targets: np.ndarray, num_classes: int, start: int, stop: int) -> np.ndarray:
    """Items of every class from the ``start``-th to before the ``stop``-th, sorted."""
    counts = np.bincount(targets, minlength=num_classes)
    if not 0 <= start < stop <= counts.min():
        raise ValueError(
            f'per_class=({start}, {stop}) needs 0 <= start < stop <= {counts.min()}, the size of the '
            'smallest class'
        )
    return np.sort(np.concatenate([np.flatnonzero(targets == c)[start:stop] for c in range(num_classes)]))
