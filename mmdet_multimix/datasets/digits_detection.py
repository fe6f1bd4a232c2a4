"""A small detection set of real handwritten digits, written to disk in COCO's format.

``python -m mmdet_multimix.datasets.digits_detection FOLDER --num-train 400 --imbalance 50`` writes one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..ops.checks import check_count, check_number, check_seed
from ..utils.one_line import one_line
from .digits import digit_images, split_digits

CANVAS = 96  # pixels, square
DIGIT_SIZES = (14, 36)  # side of a pasted digit, pixels
DIGITS_PER_IMAGE = (2, 5)
FREQUENCIES = {'r': 10, 'c': 100}  # training images of a rare and of a common class at most, as in LVIS


def write_digits_detection(
    root: str | Path, *, num_train: int = 50, num_val: int = 200, seed: int = 0, imbalance: float = 1
) -> None:
    """Write ``train/*.png``, ``val/*.png`` and ``annotations/{train,val}.json`` into ``root``.

    Each image is a 96 px canvas of coloured noise with two to five digits at random places and sizes, hardly
    overlapping. The digits for training, for validation and for pretraining a classifier are disjoint
    (:func:`~mmdet_multimix.datasets.digits.split_digits`), so a detector is validated on digits that it has
    never seen.

    With an ``imbalance`` of 50 the digit 0 is drawn 50 times as often as the digit 9 in the training images,
    and those between in geometric steps, as in Cui et al., Class-Balanced Loss (CVPR 2019); the validation
    images stay balanced. Each category then has LVIS's ``frequency``: ``'r'``, ``'c'`` or ``'f'`` where up to
    10, up to 100 or more training images have it.

    Args:
        root: Folder, created where needed. The annotations are written last: a set that has them is whole.
        num_train: Training images.
        num_val: Validation images; they do not change with ``num_train``.
        seed: Seed of the division of the digits and of all placements.
        imbalance: How many times as often the first digit is drawn as the last, in training images.

    Raises:
        ValueError: A number of images is below one, or the imbalance is.
    """
    check_count('num_train', num_train)
    check_count('num_val', num_val)
    check_seed('seed', seed)
    check_number('imbalance', imbalance)
    if not imbalance >= 1:
        raise ValueError(f'imbalance must be at least 1, got {imbalance}')
    root = Path(root)
    (root / 'annotations').mkdir(parents=True, exist_ok=True)
    splits = split_digits(seed)
    categories = [{'id': digit + 1, 'name': str(digit)} for digit in range(10)]
    for stream, (split, count) in enumerate({'train': num_train, 'val': num_val}.items()):
        rng = np.random.default_rng([seed, stream])
        (root / split).mkdir(exist_ok=True)
        coco = {
            'images': [],
            'annotations': [],
            'categories': categories,
        }
        for image_id in range(count):
            tail = imbalance if split == 'train' else 1
            canvas, boxes, labels = _draw(rng, splits[f'detection_{split}'], tail)
            name = f'{image_id:05d}.png'
            Image.fromarray(canvas).save(root / split / name)
            coco['images'].append({'id': image_id, 'file_name': name, 'width': CANVAS, 'height': CANVAS})
            for (x, y, w, h), label in zip(boxes, labels, strict=True):
                annotation = {
                    'id': len(coco['annotations']) + 1,
                    'image_id': image_id,
                    'category_id': label + 1,
                    'bbox': [x, y, w, h],
                    'area': w * h,
                    'iscrowd': 0,
                }
                coco['annotations'].append(annotation)
        if split == 'train' and imbalance > 1:
            for category in categories:
                mine = [a['image_id'] for a in coco['annotations'] if a['category_id'] == category['id']]
                category['frequency'] = _frequency(len(set(mine)))
        (root / 'annotations' / f'{split}.json').write_text(json.dumps(coco))


def _frequency(images: int) -> str:
    return next((group for group, most in FREQUENCIES.items() if images <= most), 'f')


def _draw(rng: np.random.Generator, pool: np.ndarray, imbalance: float) -> tuple[np.ndarray, list, list[int]]:
    """One canvas (96, 96, 3) uint8, its boxes (x, y, w, h) in pixels and its labels."""
    images, targets = digit_images()
    canvas = rng.normal(rng.uniform(40, 110, 3), 18, (CANVAS, CANVAS, 3)).astype(np.float32)
    boxes: list[list[int]] = []
    labels: list[int] = []
    chances = imbalance ** (-targets[pool] / 9.0)
    chances = chances / chances.sum() if imbalance > 1 else None
    for _ in range(rng.integers(DIGITS_PER_IMAGE[0], DIGITS_PER_IMAGE[1] + 1)):
        index = rng.choice(pool, p=chances)
        size = int(rng.integers(DIGIT_SIZES[0], DIGIT_SIZES[1] + 1))
        x, y = (int(v) for v in rng.integers(0, CANVAS - size + 1, 2))
        ink = Image.fromarray(images[index]).resize((size, size), Image.Resampling.BICUBIC)
        opacity = np.asarray(ink, np.float32) / 255
        rows, columns = np.flatnonzero(opacity.max(1) > 0.3), np.flatnonzero(opacity.max(0) > 0.3)
        left, top = x + int(columns[0]), y + int(rows[0])
        box = [left, top, int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1]
        if any(_overlap(box, other) > 0.1 for other in boxes):
            continue
        window = canvas[y : y + size, x : x + size]
        window += opacity[..., None] * (rng.uniform(170, 255, 3).astype(np.float32) - window)
        boxes.append(box)
        labels.append(int(targets[index]))
    return canvas.clip(0, 255).astype(np.uint8), boxes, labels


def _overlap(a: list[int], b: list[int]) -> float:
    """Intersection over the smaller of two boxes."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0) * max(h, 0) / min(a[2] * a[3], b[2] * b[3])


@one_line()
def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description='Write the images and annotations into a folder.')
    parser.add_argument('folder', help='where to, created where needed')
    parser.add_argument('--num-train', type=int, default=50, help='training images (50)')
    parser.add_argument('--num-val', type=int, default=200, help='validation images (200)')
    parser.add_argument('--seed', type=int, default=0, help='of the digits and their places (0)')
    parser.add_argument(
        '--imbalance',
        type=float,
        default=1,
        help='how often the 0 is drawn for each 9, in training images (1)',
    )
    options = vars(parser.parse_args())
    folder = options.pop('folder')
    try:
        write_digits_detection(folder, **options)
    except ValueError as error:
        parser.error(str(error))
    print(f'{folder}: {options["num_train"]} training images, {options["num_val"]} validation images')


if __name__ == '__main__':
    main()
