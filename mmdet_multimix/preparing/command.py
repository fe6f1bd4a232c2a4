"""Prepares a data set from beginning to end."""

from __future__ import annotations

import os
import re
import tempfile
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from mmengine.config import Config

from ..checks.config import problems_of
from ..checks.kept import judge
from ..checks.remark import Remark
from ..checks.walk import DataSet
from ..datasets.unread_images import NOT_READ, is_image
from ..utils.files import whole_file
from ..visualization.labelled_images import draw_labelled_images
from . import coco, voc, yolo
from .choosing import choose_classes, split_off
from .cleaning import CleanSet, clean
from .found import IMAGES, Found, PreparingError, files_of
from .report import as_json, as_markdown, left_out_boxes, summary
from .writing import BASE, CONFIG, REPORT, as_coco, config_lines, foreign_files, is_output, own_files

FORMATS = {'voc': voc, 'yolo': yolo, 'coco': coco}
_MIN_SIZE = 32  # pixels, in the configs of mmdet for COCO
_ARCHIVES = ('.zip', '.tar', '.gz', '.tgz', '.bz2', '.xz', '.7z', '.rar')
_PICTURES = 12  # images of a split in its picture


def prepare(
    root: str | Path,
    output: str | Path,
    *,
    format: str = 'auto',
    classes: Sequence[str] | None = None,
    split: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> str:
    """Read photographs with boxes, check them, and write a data set in COCO's format.

    Images stay where they are. Into ``output`` go ``train.json`` and, where there are such splits,
    ``val.json`` and ``test.json``; a picture of some images of each; a config that trains on them; and a
    report of what was left out and why, as text and as JSON. Nothing is written before all of it is checked.

    Args:
        root: Folder with images and annotations in any layout.
        output: Folder to write to.
        format: ``'voc'``, ``'yolo'``, ``'coco'``, or ``'auto'``, which is the only one that is there.
        classes: The classes, in this order; other objects are left out. By default all that have a box.
        split: Share of the training images that are made validation images, in (0, 1).
        seed: Of the choice of these.
        overwrite: Whether to replace files in a folder that has some.

    Returns:
        What came of it, for people, with the lines of the config.

    Raises:
        PreparingError: Something is wrong with the data or the arguments, in one line or a few.
    """
    given, target = Path(root), Path(output)
    root, output = (Path(os.path.abspath(path)) for path in (root, output))
    _check_arguments(root, output, split, overwrite)
    files = files_of(root, skip=output)
    ours = {path.parent for path in files if path.name == REPORT and is_output(path.parent)}
    files = [path for path in files if path.parent not in ours]
    found = _format(root, files, format).read(root, files)
    _note_unused(found, files)
    if not found.examples:
        why = found.why_left_out()
        raise PreparingError(f'{given} has no image with {found.format} annotations. {why}'.strip())
    if split is not None:
        found.examples = split_off(found.examples, split, seed)
    names, same = choose_classes(found, classes)
    sets = clean(found, names, same)
    if 'train' not in sets:
        why = found.why_left_out()
        there = ', '.join(sets)
        raise PreparingError(f'{given} has images for {there} only, and none to train on. {why}'.strip())
    notes = [*found.notes, *_judge(given, sets, names)]
    notes += _filtered(sets['train'])
    if set(sets) == {'train'}:
        notes.append('there is no validation or test split, so nothing is measured; --split 0.2 makes one')
    lines = config_lines(target, root, names, sets)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.part-', dir=output.parent) as folder:
        # Of the same depth and beside it, so that relative paths hold for both.
        partial = Path(folder)
        for name, content in sets.items():
            text = as_coco(content, names, root)
            (partial / f'{name}.json').write_text(text, encoding='utf-8')
            _draw(partial / f'{name}.jpg', content, names)
        notes += _check(config_lines(partial, root, names, sets), str(partial), str(target))
        report = summary(found, sets, names, list(dict.fromkeys(notes)))
        (partial / REPORT).write_text(as_json(report), encoding='utf-8')
        (partial / 'report.md').write_text(as_markdown(report, lines), encoding='utf-8')
        (partial / CONFIG).write_text(f'_base_ = {BASE!r}\n{lines}', encoding='utf-8')
        _move(partial, output)
    return _said(report, lines, target)


def _check_arguments(root: Path, output: Path, split: float | None, overwrite: bool) -> None:
    if not root.is_dir():
        unpack = ': unpack it' if root.suffix.lower() in _ARCHIVES else ''
        raise PreparingError(f'{root} is no folder{unpack}' if root.exists() else f'{root} does not exist')
    if split is not None and not 0 < split < 1:
        raise PreparingError(f'--split: must be between 0 and 1, such as 0.2, got {split}')
    if output == root:
        raise PreparingError(f'--output: {output} is the folder of the images; give another')
    if output.exists() and not output.is_dir():
        raise PreparingError(f'--output: {output} is a file; give a folder')
    if output.is_dir() and any(output.iterdir()) and not overwrite:
        raise PreparingError(f'--output: {output} has files already; give --overwrite to replace them')
    foreign = foreign_files(output)
    if foreign:
        raise PreparingError(
            f'--output: {foreign[0]} is not from an earlier call, but has a name that is written to: '
            'move it away, or give another folder'
        )
    above = next(folder for folder in (output, *output.parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise PreparingError(f'--output: cannot write to {above}')


def _format(root: Path, files: list[Path], name: str) -> ModuleType:
    """The reader of the format that is asked for, or of the only one that is there."""
    if name != 'auto':
        if name not in FORMATS:
            raise PreparingError(f'--format: must be auto or one of {", ".join(FORMATS)}, got {name!r}')
        return FORMATS[name]
    there = [key for key, reader in FORMATS.items() if any(map(reader.is_one, files))]
    if len(there) == 1:
        return FORMATS[there[0]]
    if there:
        raise PreparingError(
            f'{root} has annotations of several formats, {" and ".join(there)}: choose with --format'
        )
    number = sum(path.suffix.lower() in IMAGES for path in files)
    raise PreparingError(
        f'{root} has {number} images and no annotations of VOC (.xml), YOLO (.txt) or COCO (.json)'
        f'{_what_else(files)}'
    )


_TOOLS = {
    'labelme': (rb'"shapes"\s*:\s*\[', rb'"imagePath"'),  # CVAT has shapes too
    'the VGG Image Annotator': (rb'"_via_img_metadata"|"shape_attributes"',),
    'VoTT': (rb'"regions"\s*:\s*\[', rb'"asset"\s*:\s*\{'),
    'Label Studio': (rb'"result"\s*:\s*\[', rb'"annotations"|"completions"'),
    'Supervisely': (rb'"classTitle"',),
    'CreateML': (rb'"coordinates"\s*:\s*\{',),  # of GeoJSON they are a list
}  # what their own JSON has, all of it


def _what_else(files: list[Path]) -> str:
    """What is there in place of annotations, for the message."""
    packed = next((path for path in files if path.suffix.lower() in _ARCHIVES), None)
    if packed:
        return f'; unpack {packed}'
    texts = [path for path in files if path.suffix.lower() in ('.xml', '.txt', '.json', '.csv')]
    texts = [path for path in texts if not path.name.lower().startswith(('readme', 'license'))] or texts
    texts.sort(key=lambda path: path.suffix.lower() != '.csv')
    other = next((path for path in texts if path.name.lower() not in yolo.LISTS), None)
    if other is None:
        return ''
    start = other.read_bytes()[:200]
    if start[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
        return f'; {other} is in UTF-16: save it as UTF-8'
    line = start.decode('utf-8', 'replace').strip().partition('\n')[0][:60]
    what = f'it begins with {line!r}'
    if other.suffix.lower() == '.json':
        content = other.read_bytes()
        tools = [tool for tool, keys in _TOOLS.items() if all(re.search(key, content) for key in keys)]
        what = f'it looks like that of {tools[0]}' if tools else what
    return f'; {other} is none of them, {what}: export it anew, or convert it, as one of them'


def _note_unused(found: Found, files: list[Path]) -> None:
    used = {example.image for example in found.examples}
    named = {path for paths in found.left_out.values() for path in paths}
    for path in files:
        if path in used or str(path) in named:
            continue
        if path.suffix.lower() in IMAGES:
            found.leave_out('images without annotations', path)
        elif path.suffix.lower() in NOT_READ:
            found.leave_out('images of a format that mmdet does not read: convert them to JPEG', path)
        elif is_image(path):
            found.leave_out('images whose names end as those of no image: rename them, JPEG to .jpg', path)


def _judge(root: Path, sets: dict[str, CleanSet], classes: Sequence[str]) -> list[str]:
    """What a training would say of the boxes that are left out, and refuse."""
    notes = []
    for name, content in sets.items():
        cfg = dict(type='CocoDataset', ann_file=str(root), metainfo=dict(classes=tuple(classes)))
        loader = 'train' if name == 'train' else 'val'
        crowds = len(content.annotations) if not content.kept.kept and not content.kept.dropped else 0
        if name == 'train' and crowds:
            raise PreparingError(
                f'train: all {crowds:,} objects are crowds or difficult, of which nothing is learnt. Where a '
                'tool marks all outlines that are masks so, as CVAT does, write iscrowd: 0'
            )
        if name != 'train' and not content.annotations and not content.kept.dropped:
            notes.append(f'{name}: no image has a box, so metrics will be -1 or 0 whatever is learnt')
        for line in judge(DataSet(f'{loader}_dataloader.dataset', cfg, name == 'train'), content.kept):
            if not isinstance(line, Remark):
                raise PreparingError(f'{name}: {line}')
            if ' are left out: ' not in line:  # the report has them by class
                notes.append(f'{name}: {line}')
    return notes


def _filtered(train: CleanSet) -> list[str]:
    """What mmdet's own configs for COCO leave out of a training by their ``filter_cfg``."""
    with_objects = {entry['image_id'] for entry in train.annotations}
    empty = len(train.images) - len(with_objects)
    small = sum(min(image['width'], image['height']) < _MIN_SIZE for image in train.images)
    return [
        f'train: mmdet leaves out {number} images {which}, where filter_cfg does not say {remedy}'
        for number, which, remedy in (
            (empty, 'without objects', 'filter_empty_gt=False'),
            (small, f'with a side below {_MIN_SIZE} pixels', 'min_size=1'),
        )
        if number
    ]


def _draw(path: Path, content: CleanSet, classes: Sequence[str]) -> None:
    """Draw some images, of which each class is in one where that is possible."""
    of_image: dict[int, list[dict]] = {}
    for entry in content.annotations:
        of_image.setdefault(entry['image_id'], []).append(entry)
    images = [image for image in content.images if image['id'] in of_image] or content.images
    chosen: dict[int, dict] = {}
    seen: set[int] = set()
    step = max(len(images) // _PICTURES, 1)
    for image in [*images[::step], *images]:
        new = {entry['category_id'] for entry in of_image.get(image['id'], ())} - seen
        if (new or not classes) and len(chosen) < _PICTURES:
            chosen[image['id']] = image
            seen |= new
    for image in images[::step]:
        if len(chosen) < _PICTURES:
            chosen.setdefault(image['id'], image)
    boxes, labels = [], []
    for key in chosen:
        entries = of_image.get(key, [])
        sides = np.array([entry['bbox'] for entry in entries], dtype=float).reshape(-1, 4)
        boxes.append(np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1))
        labels.append([entry['category_id'] - 1 for entry in entries])
    draw_labelled_images(path, [image['path'] for image in chosen.values()], boxes, labels, classes)


def _check(lines: str, written: str, target: str) -> list[str]:
    """Check the config as before every training; what is only said is returned."""
    problems = problems_of(Config.fromstring(lines, '.py'), 'train')
    faults = [line for line in problems if not isinstance(line, Remark)]
    if faults:
        raise PreparingError(
            '\n  - '.join(['what comes of it cannot be trained on:', *faults]).replace(written, target)
        )
    return [line.replace(written, target) for line in problems]


def _move(partial: Path, output: Path) -> None:
    """Give all files their names. First those of an earlier call go that have no successor."""
    for name in own_files():
        if not (partial / name).exists():
            (output / name).unlink(missing_ok=True)
    for name in own_files():
        if (partial / name).exists():
            with whole_file(output / name) as file:
                file.write((partial / name).read_bytes())


def _said(report: dict, lines: str, output: Path) -> str:
    said = [f'{report["format"]}, {len(report["classes"])} classes:']
    for name, split in report['splits'].items():
        said.append(
            f'  {name}: {split["images"]:,} images ({split["images_without_objects"]:,} without objects), '
            f'{sum(split["boxes"].values()):,} boxes'
        )
    said += [f'left out: {len(paths):,} {reason}' for reason, paths in report['files_left_out'].items()]
    said += [f'left out: {line}' for line in left_out_boxes(report)]
    said += [f'note: {note}' for note in report['notes']]
    pictures = ', '.join(f'{output}/{name}.jpg' for name in report['splits'])
    said += ['', f'Look at {pictures} and {output}/report.md.']
    said += [
        f'{output}/{CONFIG} is a config that trains; below the _base_ of any detector for COCO it is',
        '',
    ]
    return '\n'.join([*said, lines])
