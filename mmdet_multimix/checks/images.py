"""Whether images are there and as large as their annotations say, by a sample of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..datasets.unread_images import header_of
from ..utils.names import shorten
from ..utils.registered import class_name
from ..utils.spacing import evenly_spaced
from .remark import Remark
from .walk import DataSet, nodes

_SAMPLE = 50  # images whose header is read: a fraction of a second
SHOWN = 3  # faults of one kind that are named
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


def loaded_size(path: Path, upright: bool | None = True) -> tuple[int, int] | None:
    """The ``(width, height)`` of an image as mmcv loads it; None if it is not known.

    Args:
        path: The file.
        upright: Whether it is turned as Exif says, None where that is not known.
    """
    try:
        with header_of(path) as image:
            if not _lies(image):
                return image.size
            if upright is None or image.format not in ('JPEG', 'MPO', 'PNG') or not _in_exif(image):
                return None  # some versions of OpenCV and Pillow turn it and others do not
            return image.size[::-1] if upright else image.size
    except (OSError, ValueError, SyntaxError):
        return None


def loads_upright(dataset: DataSet) -> bool | None:
    """Whether the pipeline of a set turns images as Exif says; None where its loader is none of mmcv's."""
    for _, step in nodes(dataset.cfg.get('pipeline'), ''):
        if class_name(step.get('type')).rpartition('.')[2] == 'LoadImageFromFile':
            if step.get('imdecode_backend', 'cv2') not in ('cv2', 'pillow'):
                return None
            return step.get('color_type', 'color') in ('color', 'grayscale')
    return None


def _lies(image: Image.Image) -> bool:
    """Whether Exif says that the picture lies on its side."""
    return image.getexif().get(ORIENTATION, 1) >= 5


def _in_exif(image: Image.Image) -> bool:
    """Whether it is Exif that says how to turn it, and not XMP, which only Pillow reads."""
    exif = Image.Exif()
    exif.load(image.info.get('exif', b''))
    return ORIENTATION in exif


def check_images(dataset: DataSet, images: Sequence[Listed]) -> Iterator[str]:
    """Look for some images of a set, and compare their sizes with those in the annotations.

    mmdet clips boxes to the size in the annotations, then scales them with the image that is there. A box
    outside that image ends without an area, and the loss becomes NaN.

    Args:
        dataset: The set.
        images: Those that it loads.

    Yields:
        A line for each kind of fault; a remark where every box is inside, and only some sizes differ or their
        sides were only written in the other order.
    """
    if dataset.remote_images:
        return
    path, listed = dataset.annotations, evenly_spaced(images, _SAMPLE)
    without = [image.path for image in listed if not has_content(image.path)]
    if without:
        among = '' if len(listed) == len(images) else f' of {len(listed)} looked for'
        line = f'{len(without)} images{among} listed in {path} are not there or empty'
        windows = any('\\' in str(image) for image in without)
        remedy = r'Their names have the \ of Windows: write /' if windows else dataset.remedy
        yield f'{line}: {shorten(without, SHOWN)}. {remedy}'
        return
    upright = loads_upright(dataset)
    sizes = {image.path: loaded_size(image.path, upright) for image in listed}
    told = [image for image in listed if _is_size(image.size)]
    other = [image for image in told if sizes[image.path] not in (None, image.size)]
    if not other:
        return
    wrong = [image for image in other if not _is_swapped(image)]
    first = next((image for image in other if _outside(image, sizes[image.path])), (wrong or other)[0])
    line = (
        f'{len(other)} of {len(listed)} images are not as large as {path} says: {first.path} is '
        f'{_by(sizes[first.path])}, not {_by(first.size)}'
    )
    if _outside(first, sizes[first.path]):
        yield f'{line}, and has a box outside: the loss would be NaN. Give the images that were annotated'
    elif len(wrong) > len(listed) / 2:
        yield f'{line}, so the boxes are not where the objects are. Give the images that were annotated'
    else:
        yield Remark(f'{line}: are their boxes right?')


def _is_size(size: tuple[int, int] | None) -> bool:
    """Whether a size is one; some tools write 0 where they do not know it."""
    return size is not None and all(isinstance(side, (int, float)) and side > 0 for side in size)


def _is_swapped(image: Listed) -> bool:
    """Whether width and height in the annotations are those of the file in the other order, without Exif."""
    with header_of(image.path) as file:
        return not _lies(file) and file.size[::-1] == image.size


def _outside(image: Listed, size: tuple[int, int]) -> bool:
    width, height = size
    return any(x1 >= width or y1 >= height for x1, y1, *_ in image.boxes)


def _by(size: tuple[int, int]) -> str:
    return f'{size[0]} x {size[1]}'


def has_content(path: Path) -> bool:
    """Whether a file is there and not empty."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
