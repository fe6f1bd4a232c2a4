"""An image as mmdet will load it: whether it can be, how large it is, and whether it is turned upright."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..checks.images import ORIENTATION

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Photograph:
    """What is known of an image that can be loaded.

    Attributes:
        size: ``(width, height)`` in pixels, as it is loaded.
        stored: The same as it is stored.
        turn: How Exif says that it has to be turned, 1 to 8; 1 is not at all.
        digest: Equal for equal files.
    """

    size: tuple[int, int]
    stored: tuple[int, int]
    turn: int
    digest: bytes

    @property
    def is_turned(self) -> bool:
        """Whether loading swaps width and height."""
        return self.turn >= 5


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
        with Image.open(io.BytesIO(data)) as image:
            stored, turn = image.size, image.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ValueError('images that cannot be read') from None
    # As mmcv does: OpenCV turns some formats upright and others not. JPEG is decoded smaller, and quicker.
    flag = cv2.IMREAD_REDUCED_COLOR_8 if data[:2] == b'\xff\xd8' else cv2.IMREAD_COLOR
    try:
        loaded = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        loaded = None
    if loaded is None:
        raise ValueError('images that OpenCV, which mmdet reads with, cannot decode')
    turn = turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
    lies = (stored[0] > stored[1]) == (loaded.shape[1] > loaded.shape[0])
    if turn >= 5 and lies and stored[0] != stored[1] and min(loaded.shape[:2]) > 1:
        turn = 1
    size = stored[::-1] if turn >= 5 else stored
    return Photograph(size, stored, turn, hashlib.blake2b(data, digest_size=16).digest())


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
