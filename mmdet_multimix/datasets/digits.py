"""The 1,797 handwritten digits that scikit-learn carries: real images without a download."""

from functools import cache

import numpy as np
from mmdet.registry import DATASETS
from PIL import Image
from sklearn.datasets import load_digits

from ..ops.checks import check_seed
from .cls_dataset import ClsDataset

#: Images a class in each split; the rarest class (the digit 8) has 174, all of them used.
DIGIT_SPLITS = {'pretrain_train': 90, 'pretrain_val': 28, 'detection_train': 28, 'detection_val': 28}


def split_digits(seed: int = 0) -> dict[str, np.ndarray]:
    """Divide scikit-learn's digits into disjoint splits, one for each use.

    Args:
        seed: Seed of the shuffle within every class; the same seed always gives the same splits.

    Returns:
        For each name of :data:`DIGIT_SPLITS` the sorted indices into ``load_digits()``, equally many of every
        class: 900, 280, 280 and 280.
    """
    targets = digit_images()[1]
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(targets == digit)) for digit in range(10)]
    splits, start = {}, 0
    for name, size in DIGIT_SPLITS.items():
        splits[name] = np.sort(np.concatenate([members[start : start + size] for members in order]))
        start += size
    return splits


@DATASETS.register_module()
class DigitsDataset(ClsDataset):
    """One split of scikit-learn's digits, grey 8x8 images given as RGB.

    Args:
        split: A name of :data:`DIGIT_SPLITS`.
        seed: Seed of the division, see :func:`split_digits`.
        **kwargs: ``transforms`` (a ``Resize`` at least) and ``per_class``, see :class:`ClsDataset`.

    Raises:
        ValueError: Unknown split, and what :class:`ClsDataset` raises.
    """

    def __init__(self, split: str, *, seed: int = 0, **kwargs) -> None:
        if split not in DIGIT_SPLITS:
            raise ValueError(f'DigitsDataset: split must be one of {", ".join(DIGIT_SPLITS)}, got {split!r}')
        check_seed('seed', seed)
        images, targets = digit_images()
        chosen = split_digits(seed)[split]
        source = [(Image.fromarray(images[i]), int(targets[i])) for i in chosen]
        super().__init__(source, targets[chosen], [str(digit) for digit in range(10)], **kwargs)


@cache
def digit_images() -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (1797, 8, 8), and labels (1797,)."""
    data = load_digits()
    return np.round(data.images * (255 / 16)).astype(np.uint8), data.target
