"""Reads data sets of YOLO: a label file for each image, and a file with the names of the classes."""

from __future__ import annotations

from pathlib import Path

from ..utils.names import shorten
from . import voc
from .found import IMAGES, Example, Found, PreparingError, as_compared
from .yolo_labels import LabelFiles, lines_of, numbers_in, objects_in
from .yolo_names import LISTS, description, is_yaml, names_in, read_yaml
from .yolo_splits import images_of, named_beside

_NOTHING = ('background', 'bg', 'ignore', 'ignored', 'ignored regions', 'none')
_SMALL, _EDGE = 2.0, 0.01  # fractions of the image: larger are pixels; what rounding leaves


def is_one(path: Path) -> bool:
    """Whether a file looks like the labels of an image."""
    if path.suffix.lower() != '.txt' or path.name.lower() in LISTS:
        return False
    line = next((line for _, line in lines_of(path)), '')
    try:
        _, *values = numbers_in(line)
    except ValueError:
        return False
    # Beside COCO's JSON there are other tables with commas, as VisDrone and MOT have them in pixels.
    return len(values) >= 4 and (',' not in line or all(abs(value) < 2 for value in values))


def read(root: Path, files: list[Path]) -> Found:
    """Read all labels of a folder.

    Args:
        root: The folder.
        files: All files in it.

    Raises:
        PreparingError: There are no names of classes, a label is of a class that has none, or a label file
            has something else than labels.
    """
    found, path = Found('YOLO'), description(root, files)
    if path is None:
        raise PreparingError(
            f'{root} has YOLO labels, but neither data.yaml nor classes.txt with the names of the classes: '
            'write one name a line into classes.txt, in the order of the numbers'
        )
    content = read_yaml(path) if is_yaml(path) else {}
    names = names_in(path, content)
    found.classes = tuple(names.values())
    splits, content = (path, content) if is_yaml(path) else named_beside(path, root, files, found)
    points = content.get('kpt_shape') is not None
    there = [file for file in files if file.suffix.lower() in IMAGES]
    without: list[Path] = []
    label_files = LabelFiles()
    listed = [
        (image, split, label_files.of(image))
        for image, split in images_of(root, there, splits, content, found)
    ]
    others = _of_voc(files, {as_compared(image.stem) for image, _, labels in listed if labels is None})
    used = {labels for *_, labels in listed}
    away = _astray(files, used | set(map(label_files.of, there))) if None in used else {}
    looked_in = {file.parent for image, _, labels in listed if labels is not None for file in (image, labels)}
    # Where nobody has said which images are meant.
    masks = set() if content else _masks(listed)
    twins = _twins({image: labels for image, _, labels in listed if labels is not None})
    for image, split, labels in listed:
        if image in twins:
            found.leave_out(twins[image], image)
            continue
        if labels is None and as_compared(image.stem) in others:
            found.leave_out('images that have annotations of Pascal VOC and none of YOLO', image)
            continue
        if image.parent in masks:
            found.leave_out(
                'images of a folder without labels that has only namesakes of labelled ones', image
            )
            continue
        # Where others of both folders have theirs, the labels are of a namesake that is not there.
        folders = away.get(as_compared(image.stem), set()) if labels is None else set()
        if folders and not looked_in >= folders | {image.parent}:
            found.leave_out('images whose labels are neither beside them nor in labels/ for images/', image)
            continue
        if labels is None:
            without.append(image)
        objects = [] if labels is None else list(objects_in(labels, names, path, points))
        found.examples.append(Example(image, labels or path, split, objects, relative=True))
    if without:
        found.notes.append(
            f'{len(without)} images have no label file and count as images without objects: '
            f'{shorten(without)}'
        )
    if found.examples and len(without) == len(found.examples):
        raise PreparingError(f'none of the {len(without)} images below {root} has a label file of its name')
    _leave_out_rest(
        found, {image: labels for image, _, labels in listed}, files, there, path, splits, label_files
    )
    _refuse_points(found)
    _note_corners(found)
    _note_counted_from_one(found, names)
    return found


def _of_voc(files: list[Path], names: set[str]) -> set[str]:
    """Those names that have objects in Pascal VOC's format: labelImg changes the format by one key."""
    ours = [file for file in files if as_compared(file.stem) in names]
    return {as_compared(file.stem) for file in ours if voc.is_one(file) and voc.has_objects(file)}


def _masks(listed: list[tuple[Path, str, Path | None]]) -> set[Path]:
    """The folders without labels, and with no image but namesakes of labelled ones of the split, as masks."""
    labelled = {(split, as_compared(image.stem)) for image, split, labels in listed if labels is not None}
    others = {
        image.parent
        for image, split, labels in listed
        if labels is not None or (split, as_compared(image.stem)) not in labelled
    }
    return {image.parent for image, _, _ in listed} - others


def _astray(files: list[Path], used: set[Path | None]) -> dict[str, set[Path]]:
    """The folders of label files of no image, by name; an image of it that lacks labels is no background."""
    found: dict[str, set[Path]] = {}
    for file in files:
        if file not in used and is_one(file):
            found.setdefault(as_compared(file.stem), set()).add(file.parent)
    return found


def _refuse_points(found: Found) -> None:
    """Refuse boxes with points of which nothing says that they are no polygons.

    Raises:
        PreparingError: Behind four numbers all lines have as many points, of which each is in the box that
            the four are, and has 0, 1 or 2 behind it, which says whether it is seen.
    """
    lines = [values for e in found.examples for o in e.objects for values in o.more.get('segmentation', ())]
    lengths = set(map(len, lines))
    if len(lengths) == 1 and (max(lengths) - 4) % 3 == 0 and all(map(_has_points, lines)):
        raise PreparingError(
            f'the {len(lines)} labels of {max(lengths) + 1} numbers seem to be boxes with points, not '
            f'polygons: write kpt_shape: [{(max(lengths) - 4) // 3}, 3] into data.yaml, beside the names'
        )


def _has_points(values: list[float]) -> bool:
    x, y, w, h, *rest = values
    points = list(zip(rest[::3], rest[1::3], rest[2::3], strict=True))
    return all(
        seen in (0, 1, 2) and (not seen or (abs(a - x) <= w / 2 + _EDGE and abs(b - y) <= h / 2 + _EDGE))
        for a, b, seen in points
    )


def _note_corners(found: Found) -> None:
    """Say where labels seem to be two corners, which would be cut at the border without more words."""
    boxes = [
        marked.box
        for example in found.examples
        for marked in example.objects
        if marked.box and not marked.more and max(map(abs, marked.box)) < _SMALL
    ]
    past = sum(min(x1, y1) < -_EDGE or max(x2, y2) > 1 + _EDGE for x1, y1, x2, y2 in boxes)
    fit = all((x1 + x2) / 2 < x2 - x1 <= 1 and (y1 + y2) / 2 < y2 - y1 <= 1 for x1, y1, x2, y2 in boxes)
    if fit and 4 * past > len(boxes):
        found.notes.append(
            f'{past} of {len(boxes)} boxes reach past the border of their image, and none would as "class x1 '
            'y1 x2 y2". If they are that, write "class x y width height", with the middle as x and y'
        )


def _note_counted_from_one(found: Found, names: dict[int, str]) -> None:
    """Say that of all classes only the first has no box, as where labels count from 1 and a name is spare."""
    used = {marked.name for example in found.examples for marked in example.objects}
    first, *others = names.values()
    if others and used == set(others) and first.strip('_ ').casefold() not in _NOTHING:
        found.notes.append(
            f'no label is of {first!r}, the first name, and all others occur. YOLO counts from 0: if these '
            'labels count from 1, each box has the name of a neighbour, so take 1 off each number'
        )


def _twins(labels: dict[Path, Path]) -> dict[Path, str]:
    """The images that are left out as another one has the same label file, and why."""
    sharing: dict[Path, list[Path]] = {}
    for image, file in labels.items():
        sharing.setdefault(file, []).append(image)
    found: dict[Path, str] = {}
    for images in sharing.values():
        alike = len(images) > 1 and len({image.read_bytes() for image in images}) == 1
        if alike:
            found |= dict.fromkeys(images[1:], 'images that are there twice')
        elif len(images) > 1:
            found |= dict.fromkeys(images, 'images that share a label file with another image')
    return found


def _leave_out_rest(
    found: Found,
    listed: dict[Path, Path | None],
    files: list[Path],
    there: list[Path],
    path: Path,
    splits: Path,
    label_files: LabelFiles,
) -> None:
    """Note the images that no split has, and the label files of images that are not there."""
    labels = set(listed.values())
    for image in there:
        if image not in listed:
            found.leave_out(f'images that are in no split of {splits.name}', image)
            labels.add(label_files.of(image))
    for file in files:
        if file != path and file not in labels and is_one(file):
            found.leave_out('annotations without an image', file)
