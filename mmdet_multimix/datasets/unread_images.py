"""Images that a set passes over because of how their names end, as photographs of phones do."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from mmengine.logging import print_log
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS

# Images that OpenCV, which mmdet reads with, decodes in some of its versions only, or never.
NOT_READ = {'.heic', '.heif', '.hif', '.avif', '.gif', '.svg', '.jp2', '.j2k', '.jxl', '.psd'}
NOT_READ |= {'.raw', '.dng', '.nef', '.cr2', '.cr3', '.arw', '.raf', '.rw2', '.orf', '.pef'}  # of cameras
# What stands beside images in great numbers, and need not be opened to know that it is none.
_NO_IMAGES = {'.txt', '.csv', '.tsv', '.json', '.xml', '.yaml', '.yml', '.md', '.html', '.ini', '.db'}
_NO_IMAGES |= {'.log', '.py', '.npy', '.npz', '.pkl', '.h5', '.mat', '.zip', '.pdf', '.mp4', '.mov', '.mpg'}
_LIMIT = threading.Lock()  # of Pillow, which all threads share


@contextlib.contextmanager
def header_of(file: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """An image of which the header is read alone, so that it may be as large as an aerial photograph.

    Args:
        file: The file, or its content.

    Raises:
        OSError, ValueError, SyntaxError: Pillow finds no image.
    """
    with _LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # above, it takes a file for a bomb
        try:
            image = Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def image_size(path: str | Path) -> tuple[int, int] | None:
    """The ``(width, height)`` in an image's header, not turned by its Exif tag; None if Pillow finds none."""
    try:
        with header_of(path) as image:
            return image.size
    except (OSError, ValueError, SyntaxError):
        return None


def is_image(path: Path) -> bool:
    """Whether a file is an image, whatever its name: by its ending where that tells, or by its header."""
    suffix = path.suffix.lower()
    return suffix in NOT_READ or (suffix not in _NO_IMAGES and image_size(path) is not None)


def unread_in(folder: str | Path, paths: Iterable[Path]) -> str:
    """Describe the images of a folder that are left out; nothing where there are none.

    Args:
        folder: The folder.
        paths: Its files that are not read.
    """
    counts = Counter(path.suffix.lower() or 'without an ending' for path in paths if is_image(path))
    if not counts:
        return ''
    each = ', '.join(f'{number:,} {ending}' for ending, number in counts.most_common())
    return (
        f'{folder} has {counts.total():,} images that are left out because of how their names end: {each}. '
        f'Only {", ".join(IMG_EXTENSIONS)} are read: convert them to JPEG, or let the names of those that '
        'are JPEG already end in .jpg'
    )


@functools.cache
def warn_once(line: str) -> None:
    """Say a line, if it is one, once: two sets may be parts of one folder."""
    if line:
        print_log(line, logger='current', level=logging.WARNING)
