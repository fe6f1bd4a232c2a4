"""Looks at every image and every box, and keeps those that can be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..checks.coco_content import why_dropped
from ..checks.kept import Kept
from ..utils.names import shorten
from ..utils.progress import show_progress
from .found import SPLITS, Example, Found, Marked, PreparingError
from .images import Photograph, look, turned

_FAR = 1.5  # a fraction of the image that no label in fractions comes to
_BEYOND = 1.0  # pixels that a box may reach over the border without a word


@dataclass
class CleanSet:
    """The images and boxes of a split.

    Attributes:
        images: The images as COCO's format lists them; ``path`` is their file.
        annotations: The boxes as COCO's format lists them.
        kept: Their numbers, and those of the boxes that were left out.
        others: The numbers of objects of names that are no class.
        lost: The numbers of objects that lose what else was known of them, by its name.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    others: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


def clean(found: Found, classes: Sequence[str], same: dict[str, str]) -> dict[str, CleanSet]:
    """Look at all images and boxes.

    Args:
        found: What was read. It gets notes, and the files that are left out.
        classes: The classes.
        same: The class of each name that has one.

    Returns:
        The splits that have an image, by their names.

    Raises:
        PreparingError: Two annotations of one image; no image is left.
    """
    sets = {split: CleanSet() for split in SPLITS}
    sources: dict[tuple[str, Path], Path] = {}
    digests: dict[bytes, dict[str, Path]] = {}
    counts: Counter[str] = Counter()
    doubtful: dict[str, list[str]] = {'mirrored': [], 'lying': [], 'dark': []}
    for example in show_progress(found.examples, 'Looking at the images', len(found.examples)):
        key = example.split, example.image
        if key in sources:
            both = f'{sources[key]} and {example.source}' if sources[key] != example.source else sources[key]
            raise PreparingError(f'{example.image} is annotated twice, by {both}: take one of them away')
        sources[key] = example.source
        try:
            str(example.image).encode()
            photograph = look(example.image)
            turns = _turns(example, photograph)
        except UnicodeEncodeError:
            found.leave_out('images whose names are not UTF-8', ascii(str(example.image)))
            continue
        except ValueError as error:
            reason, _, detail = str(error).partition(': ')
            found.leave_out(reason, f'{example.image} ({detail})' if detail else example.image)
            continue
        digests.setdefault(photograph.digest, {}).setdefault(example.split, example.image)
        counts['turned'] += turns
        if example.objects and photograph.turn in (2, 3, 4):
            doubtful['mirrored'].append(str(example.image))
        elif example.objects and photograph.is_turned and (example.size is None or photograph.is_square):
            doubtful['lying'].append(str(example.image))
        if photograph.is_dark:
            doubtful['dark'].append(str(example.image))
        _add(sets[example.split], example, photograph, classes, same, turns, counts)
    lost = sum((content.lost for content in sets.values()), Counter())
    shared = [
        ' is '.join(dict.fromkeys(map(str, paths.values()))) for paths in digests.values() if len(paths) > 1
    ]
    _say(found, counts, doubtful, lost, shared)
    sets = {split: content for split, content in sets.items() if content.images}
    if not sets:
        raise PreparingError(f'no image is left: {found.why_left_out()}')
    return sets


def _turns(example: Example, photograph: Photograph) -> bool:
    """Whether boxes were drawn on an image that lies on its side; they are turned with it."""
    size = example.size
    if size is None or size == photograph.size:
        return False
    if photograph.is_turned and size == photograph.stored:
        return True
    there, said = (f'{width} x {height}' for width, height in (photograph.size, size))
    raise ValueError(f'images that are not as large as their annotations say: {there}, not {said}')


def _add(
    target: CleanSet,
    example: Example,
    photograph: Photograph,
    classes: Sequence[str],
    same: dict[str, str],
    turns: bool,
    counts: Counter[str],
) -> None:
    """Add an image and its boxes to its split."""
    width, height = photograph.size
    number = len(target.images) + 1
    target.images.append(dict(id=number, path=example.image, width=width, height=height))
    seen = set()
    for marked in example.objects:
        name = same.get(marked.name)
        if name is None:
            target.others[marked.name or '(no name)'] += 1
            continue
        reason, box, is_cut = _box(marked, example, photograph, turns)
        if reason is None and (name, box, marked.crowd) in seen:
            reason = 'given twice'
        if reason is not None:
            target.kept.dropped[name, reason] += 1
            continue
        seen.add((name, box, marked.crowd))
        counts['cut'] += is_cut
        counts['rotated'] += marked.rotated
        if turns:
            target.lost.update(key for key, value in marked.more.items() if value)
        area = box[2] * box[3]
        if marked.area is not None:  # mmdet measures small, medium and large objects by it
            area = min(marked.area, area) if is_cut else marked.area
        entry = dict(
            id=len(target.annotations) + 1,
            image_id=number,
            category_id=classes.index(name) + 1,
            bbox=list(box),
            area=area,
            iscrowd=int(marked.crowd),
        )
        target.annotations.append({**_more(marked, example, photograph, turns), **entry})
        if marked.crowd:
            counts['crowds'] += 1
        else:
            target.kept.kept[name] += 1


def _box(
    marked: Marked, example: Example, photograph: Photograph, turns: bool
) -> tuple[str | None, tuple[float, ...], bool]:
    """Why a box is left out, if it is; the box in its image as ``(x, y, width, height)``; if that is cut."""
    width, height = photograph.size
    is_cut = False
    if marked.box is None:
        return 'without a box', (), is_cut
    x1, y1, x2, y2 = marked.box
    if example.relative:
        if max(map(abs, marked.box)) > _FAR:
            return 'in pixels, where YOLO has fractions of the image', (), is_cut
        x1, y1, x2, y2 = x1 * width, y1 * height, x2 * width, y2 * height
    elif turns:
        x1, y1, x2, y2 = turned((x1, y1, x2, y2), photograph)
    box = [x1, y1, x2 - x1, y2 - y1]
    reason = why_dropped(dict(bbox=box, area=box[2] * box[3]), width, height)
    if reason is None:
        is_cut = max(-x1, -y1, x2 - width, y2 - height) > _BEYOND
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
        box = [x1, y1, x2 - x1, y2 - y1]
        reason = why_dropped(dict(bbox=box, area=box[2] * box[3]), width, height)
    return reason, tuple(round(side, 3) for side in box), is_cut


def _more(marked: Marked, example: Example, photograph: Photograph, turns: bool) -> dict[str, Any]:
    """What else is known of an object, in pixels."""
    if turns:  # masks and points would have to be turned as well
        return {}
    if not example.relative or 'segmentation' not in marked.more:
        return marked.more
    width, height = photograph.size
    polygons = marked.more['segmentation']
    scaled = [[round(v * (height if i % 2 else width), 2) for i, v in enumerate(p)] for p in polygons]
    return {**marked.more, 'segmentation': scaled}


def _say(
    found: Found, counts: Counter[str], doubtful: dict[str, list[str]], lost: Counter[str], shared: list[str]
) -> None:
    for key, line in (
        ('mirrored', '{} images are turned by 180 degrees or mirrored when they are loaded (Exif): '
         'see whether their boxes are where the objects are: {}'),
        ('lying', '{} images lie on their side and are turned when they are loaded (Exif), and nothing says '
         'on which image their boxes were drawn: see whether they are where the objects are: {}'),
        ('dark', '{} images of more than 8 bits are nearly black as mmdet loads them, with the highest 8: '
         'stretch their values and save them with 8 bits: {}'),
    ):  # fmt: skip
        if doubtful[key]:
            found.notes.append(line.format(len(doubtful[key]), shorten(doubtful[key])))
    for key, line in (
        ('turned', '{} images lie on their side and were annotated so: their boxes are turned with them'),
        ('rotated', '{} boxes were drawn rotated: the upright box around each is taken'),
        ('cut', '{} boxes reach over the border of their image and are cut there'),
        ('crowds', '{} objects are crowds or difficult: neither learnt nor background, and not measured'),
    ):  # fmt: skip
        if counts[key]:
            found.notes.append(line.format(counts[key]))
    if lost:
        each = ', '.join(f'{name} {number:,}' for name, number in sorted(lost.items()))
        found.notes.append(
            f'objects on images that are turned keep their box and area, and lose what is not turned: {each}'
        )
    if shared:
        found.notes.append(
            f'{len(shared)} images are in more than one split: what is measured on them was learnt by heart: '
            f'{shorten(shared)}'
        )
