"""Images with their boxes and class names, as a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from ..utils.files import whole_file
from ..utils.names import clip
from .plots import COLORS

_SIDE = 320  # pixels of a cell
_COLUMNS, _GAP = 4, 4
_NAME = 24  # letters of a class name


def draw_labelled_images(
    path: str | Path,
    images: Sequence[str | Path],
    boxes: Sequence[np.ndarray],
    labels: Sequence[Sequence[int]],
    classes: Sequence[str],
) -> None:
    """Write a picture of images with their boxes, loaded as mmdet loads them.

    Args:
        path: JPEG to write.
        images: Image files.
        boxes: Of each image, ``(k, 4)`` as x1, y1, x2, y2 in pixels.
        labels: Of each image, ``(k,)``.
        classes: Class names.
    """
    cells = [_cell(*one, classes) for one in zip(images, boxes, labels, strict=True)]
    columns = min(_COLUMNS, len(cells))
    step = _SIDE + _GAP
    grid = Image.new('RGB', (columns * step, -(-len(cells) // columns) * step), 'white')
    for number, cell in enumerate(cells):
        grid.paste(cell, (number % columns * step, number // columns * step))
    with whole_file(path) as file:
        grid.save(file, 'JPEG', quality=88)


def _cell(image: str | Path, boxes: np.ndarray, labels: Sequence[int], classes: Sequence[str]) -> Image.Image:
    """An image in the middle of a grey square, with its boxes."""
    pixels = mmcv.imread(str(image), channel_order='rgb')
    pixels, scale = mmcv.imrescale(pixels, (_SIDE, _SIDE), return_scale=True)
    h, w = pixels.shape[:2]
    drawn = Image.fromarray(pixels)
    pen, font = ImageDraw.Draw(drawn), ImageFont.truetype(findfont('DejaVu Sans'), 13)
    for box, label in zip(np.reshape(boxes, (-1, 4)) * scale, labels, strict=True):
        color = COLORS[1:][label % (len(COLORS) - 1)]
        x1, y1 = min(box[0], w - 1), min(box[1], h - 1)
        pen.rectangle((x1, y1, max(box[2], x1), max(box[3], y1)), outline=color, width=2)
        name = clip(classes[label], _NAME)
        text = (x1 + 3, y1 + 2 if y1 < 16 else y1 - 14)  # above its box where there is room
        pen.rectangle(pen.textbbox(text, name, font), fill=color)
        pen.text(text, name, 'white', font)
    cell = Image.new('RGB', (_SIDE, _SIDE), '#eeeeee')
    cell.paste(drawn, ((_SIDE - w) // 2, (_SIDE - h) // 2))
    return cell
