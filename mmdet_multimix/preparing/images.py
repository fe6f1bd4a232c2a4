"""An image as mmdet will load it: whether it can be, how large it is, and whether it is turned upright."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..checks.images import ORIENTATION
from ..datasets.unread_images import header_of

Box = tuple[float, float, float, float]
_DARK = 16  # of 255: what is left of 12 bits


@dataclass(frozen=True)
class Photograph:
    """What is known of an image that can be loaded.

    Attributes:
        size: ``(width, height)`` in pixels, as it is loaded.
        stored: The same as it is stored.
        turn: How Exif says that it has to be turned, 1 to 8; 1 is not at all.
        digest: Equal for equal files.
        is_dark: Whether it has more than 8 bits, and is nearly black in the 8 that mmdet loads.
    """

    size: tuple[int, int]
    stored: tuple[int, int]
    turn: int
    digest: bytes
    is_dark: bool = False

    @property
    def is_turned(self) -> bool:
        """Whether loading swaps width and height."""
        return self.turn >= 5

    @property
    def is_square(self) -> bool:
        """Whether its size is the same however it is turned."""
        return self.size[0] == self.size[1]


def look(path: Path) -> Photograph:
    """Load an image.

    Args:
        path: The file.

    Raises:
        ValueError: mmdet cannot load it; with the reason.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise ValueError('images that are not there') from None
    if not data:
        raise ValueError('images that are empty files')
    try:
        with header_of(io.BytesIO(data)) as image:
            stored, turn = image.size, image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):
        raise ValueError('images that cannot be read') from None
    turn = turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
    is_jpeg = data[:2] == b'\xff\xd8'
    flags = cv2.IMREAD_REDUCED_COLOR_8 if is_jpeg else cv2.IMREAD_COLOR  # smaller is quicker
    loaded = _decode(data, flags)
    if loaded is None:
        raise ValueError('images that OpenCV, which mmdet reads with, cannot decode')
    # Which formats are turned depends on the versions of OpenCV and Pillow, and only Pillow reads XMP.
    raw = _decode(data, flags | cv2.IMREAD_IGNORE_ORIENTATION) if turn > 1 else loaded
    turn = 1 if np.array_equal(raw, loaded) else turn
    if is_jpeg:
        size = stored[::-1] if turn >= 5 else stored
    else:
        size, stored = loaded.shape[1::-1], raw.shape[1::-1]
    whole = _decode(data, cv2.IMREAD_UNCHANGED) if loaded.max() <= _DARK else None
    is_dark = whole is not None and whole.dtype != np.uint8
    return Photograph(size, stored, turn, hashlib.blake2b(data, digest_size=16).digest(), is_dark)


def _decode(data: bytes, flags: int) -> np.ndarray | None:
    """An image as mmcv has it."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def turned(box: Box, photograph: Photograph) -> Box:
    """Where a box is that was drawn on an image as it is stored, after the image is turned upright.

    Args:
        box: ``(x1, y1, x2, y2)`` in pixels.
        photograph: The image.
    """
    w, h = photograph.stored
    x1, y1, x2, y2 = box
    return {
        5: (y1, x1, y2, x2),
        6: (h - y2, x1, h - y1, x2),
        7: (h - y2, w - x2, h - y1, w - x1),
        8: (y1, w - x2, y2, w - x1),
    }[photograph.turn]
