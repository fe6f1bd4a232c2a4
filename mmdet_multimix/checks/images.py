"""Whether images are there and as large as their annotations say, by a sample of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..utils.names import shorten
from .remark import Remark
from .walk import DataSet

_SAMPLE = 50  # images whose header is read: a fraction of a second
_SHOWN = 3  # faults of one kind that are named
ORIENTATION = 0x0112  # the tag of Exif; from 5 on the picture lies on its side


@dataclass(frozen=True)
class Listed:
    """An image as its annotations have it.

    Attributes:
        path: The file.
        size: ``(width, height)`` in pixels, None where the annotations do not say.
        boxes: ``(x1, y1, x2, y2)`` in pixels.
    """

    path: Path
    size: tuple[int, int] | None
    boxes: Sequence[Sequence[float]] = ()


def sample(items: Sequence, number: int = _SAMPLE) -> list:
    """Take some items, evenly spaced."""
    count = min(number, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def loaded_size(path: Path) -> tuple[int, int] | None:
    """The ``(width, height)`` of an image as mmcv loads it, turned upright; None if it is not known."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ORIENTATION, 1) >= 5
            if turned and image.format not in ('JPEG', 'MPO', 'PNG'):
                return None  # some versions of OpenCV and Pillow turn it and others do not
            return image.size[::-1] if turned else image.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None


def check_images(dataset: DataSet, listed: Sequence[Listed], total: int) -> Iterator[str]:
    """Look for some images of a set, and compare their sizes with those in the annotations.

    mmdet clips boxes to the size in the annotations, then scales them with the image that is there. A box
    outside that image ends without an area, and the loss becomes NaN.

    Args:
        dataset: The set.
        listed: A sample of its images.
        total: How many it has.

    Yields:
        A line for each kind of fault; a remark where only some sizes differ and every box is inside.
    """
    if dataset.remote_images:
        return
    path = dataset.annotations
    without = [image.path for image in listed if not _has_content(image.path)]
    if without:
        among = '' if len(listed) == total else f' of {len(listed)} looked for'
        line = f'{len(without)} images{among} listed in {path} are not there or empty'
        yield f'{line}: {shorten(without, _SHOWN)}. {dataset.remedy}'
        return
    sizes = {image.path: loaded_size(image.path) for image in listed}
    other = [image for image in listed if image.size and sizes[image.path] not in (None, image.size)]
    if not other:
        return
    first = next((image for image in other if _outside(image, sizes[image.path])), other[0])
    line = (
        f'{len(other)} of {len(listed)} images are not as large as {path} says: {first.path} is '
        f'{_by(sizes[first.path])}, not {_by(first.size)}'
    )
    if _outside(first, sizes[first.path]):
        yield f'{line}, and has a box outside: the loss would be NaN. Give the images that were annotated'
    elif len(other) > len(listed) / 2:
        yield f'{line}, so the boxes are not where the objects are. Give the images that were annotated'
    else:
        yield Remark(f'{line}: are their boxes right?')


def _outside(image: Listed, size: tuple[int, int]) -> bool:
    width, height = size
    return any(x1 >= width or y1 >= height for x1, y1, *_ in image.boxes)


def _by(size: tuple[int, int]) -> str:
    return f'{size[0]} x {size[1]}'


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
