"""Writes annotations in COCO's format, and the config that trains on them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from .cleaning import CleanSet
from .found import SPLITS

BASE = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
CONFIG, REPORT = 'config.py', 'report.json'


def own_files(splits: Iterable[str] = SPLITS) -> list[str]:
    """The names of all files that are written into the output folder, the report that tells of them first.

    Args:
        splits: The splits that there are.
    """
    return [REPORT, 'report.md', CONFIG, *(f'{split}.{end}' for split in splits for end in ('json', 'jpg'))]


def foreign_files(output: Path) -> list[Path]:
    """The files of a folder that have a name of ours and that no earlier call has written.

    Args:
        output: The folder.
    """
    try:
        splits = json.loads((output / REPORT).read_text(encoding='utf-8'))['splits']
        written = set(own_files(filter(SPLITS.__contains__, splits)))
    except (OSError, ValueError, KeyError, TypeError):
        written = set()
    return [output / name for name in own_files() if name not in written and os.path.lexists(output / name)]


def is_output(folder: Path) -> bool:
    """Whether an earlier call has written into a folder."""
    return (folder / CONFIG).is_file() and (folder / REPORT).is_file() and not foreign_files(folder)


def as_coco(split: CleanSet, classes: Sequence[str], root: Path) -> str:
    """The annotations of a split as the text of a JSON file.

    Args:
        split: The split.
        classes: The class names, which get the category ids from 1 on.
        root: The folder of the images. Those elsewhere are named by their whole path.
    """
    images = []
    for image in split.images:
        path = image['path']
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        images.append(dict(id=image['id'], file_name=name, width=image['width'], height=image['height']))
    categories = [dict(id=number, name=name) for number, name in enumerate(classes, 1)]
    return json.dumps(dict(images=images, annotations=split.annotations, categories=categories))


def config_lines(output: Path, root: Path, classes: Sequence[str], splits: Iterable[str]) -> str:
    """The lines that train a detector of mmdet on the data set, below the ``_base_`` of a detector for COCO.

    Args:
        output: The folder of the annotations, as the config is to name it.
        root: The folder of the images.
        classes: The class names.
        splits: The splits that there are; what is measured is ``val`` or else ``test``.
    """
    images = os.path.relpath(os.path.realpath(root), os.path.realpath(output))
    inner = "dataset=dict(**dataset, ann_file='{}.json')"
    splits = set(splits)
    val = 'val' if 'val' in splits else 'test'
    lines = [
        f'data_root = {output.as_posix() + "/"!r}',
        f'classes = {tuple(classes)!r}',
        "dataset = dict(type='CocoDataset', data_root=data_root, metainfo=dict(classes=classes),",
        f'               data_prefix=dict(img={images + "/"!r}))',
        f'train_dataloader = dict({inner.format("train")})',
    ]
    if val in splits:
        lines += [
            f'val_dataloader = dict({inner.format(val)})',
            f"val_evaluator = dict(ann_file=data_root + '{val}.json')",
        ]
        if val == 'val' and 'test' in splits:
            lines += [
                f'test_dataloader = dict({inner.format("test")})',
                "test_evaluator = dict(ann_file=data_root + 'test.json')",
            ]
        else:
            lines += ['test_dataloader = val_dataloader', 'test_evaluator = val_evaluator']
    else:
        lines += [
            'val_dataloader = val_evaluator = val_cfg = None  # nothing is measured: see --split',
            'test_dataloader = test_evaluator = test_cfg = None',
        ]
    lines += [
        f'model = dict(roi_head=dict(bbox_head=dict(num_classes={len(classes)})))',
        f'# One-stage detectors: model = dict(bbox_head=dict(num_classes={len(classes)}))',
        '# Cascades: model = dict(roi_head=dict(bbox_head=[',
        f'#     dict(head, num_classes={len(classes)}) for head in _base_.model.roi_head.bbox_head]))',
    ]
    return '\n'.join(lines) + '\n'
