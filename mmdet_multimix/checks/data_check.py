"""Whether the data of an experiment are there and whole, before anything long starts.

What `preflight` checks before every single training (layout, class names) for all configs at once, and
then what takes seconds instead of milliseconds: every annotation is read, every image looked for and counted.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmdet.registry import DATASETS
from mmengine.config import Config

from ..datasets.cls_dataset import ClsDataset
from .preflight import PreflightError, check_config, dataset_classes, dataset_leaves, remedy

_SHOWN = 3  # mistakes of one kind that are named
_READ_WHOLE = 2**26  # bytes of JSON, a second; COCO's training set would take ten and 3 GB of memory
_BOX = ('xmin', 'ymin', 'xmax', 'ymax')


def check_data(configs: list[Config], counts: dict[str, int]) -> list[str]:
    """All that is wrong with the data of several configs, one line each, naming file and remedy.

    Args:
        configs: Configs of classifiers and detectors.
        counts: How many images a set must have, by its annotation file below the data's root
            (`VOC2007/ImageSets/Main/test.txt`) or, for a set without one, its folder's path.
    """
    problems: dict[str, None] = {}  # ordered, each once
    for cfg in configs:
        data_only = Config({**cfg.to_dict(), 'model': {}, 'load_from': None})
        for stage in ('train', 'test'):
            try:
                check_config(data_only, stage)
            except PreflightError as error:
                problems.update(dict.fromkeys(map(_without_key, str(error).splitlines()[1:])))
    if problems:
        return list(problems)  # counting what is not there would only repeat it
    for dataset in detection_sets(configs):
        problems.update(dict.fromkeys(_check_set(dataset, counts)))
    for dataset in _classification_sets(configs):
        problems.update(dict.fromkeys(_check_images(dataset, counts)))
    return list(problems)


def _leaves(configs: list[Config]) -> Iterator[dict[str, Any]]:
    """All sets in the dataloaders of configs, without their wrappers."""
    for cfg in configs:
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            for _, dataset in dataset_leaves(cfg[loader]['dataset'], loader) if cfg.get(loader) else ():
                yield dataset


def detection_sets(configs: list[Config]) -> list[dict[str, Any]]:
    """The different detection sets that configs read, as in their dataloaders."""
    found = {}
    for dataset in _leaves(configs):
        if dataset.get('ann_file') and '://' not in str(dataset.get('data_root')):
            found.setdefault(Path(dataset.get('data_root') or '') / dataset['ann_file'], dataset)
    return list(found.values())


def _classification_sets(configs: list[Config]) -> list[dict[str, Any]]:
    """The different classification sets that configs read."""
    found = {}
    for dataset in _leaves(configs):
        kind = DATASETS.get(dataset['type']) if isinstance(dataset['type'], str) else dataset['type']
        if isinstance(kind, type) and issubclass(kind, ClsDataset):
            found.setdefault(str({**dataset, 'transforms': ()}), dataset)
    return list(found.values())


def _check_images(dataset: dict[str, Any], counts: dict[str, int]) -> Iterator[str]:
    """As the training will find it: class folders and files are listed, which takes seconds for ImageNet."""
    folder = _folder(dataset)
    try:
        found = len(DATASETS.build(dataset))
    except (OSError, ValueError) as error:
        yield f'{dataset["type"]} in {folder}: {error}'
        return
    wanted = counts.get(folder)
    if wanted is not None and found != wanted and not dataset.get('per_class'):
        yield f'{folder} has {found:,} images, but must have {wanted:,}: copy it whole'


def _folder(dataset: dict[str, Any]) -> str:
    """The folder of a set without annotations, by which `counts` name it."""
    return str(Path(dataset.get('data_root') or '') / dataset.get('split', ''))


def count_images(dataset: dict[str, Any], counts: dict[str, int]) -> int | None:
    """How many images one set has, before any filter; None where that cannot be known.

    Args:
        dataset: The config of a set.
        counts: As for :func:`check_data`; taken where the set is not there, or would have to be built.
    """
    root = Path(dataset.get('data_root') or '')
    if dataset.get('ann_file'):
        path = root / dataset['ann_file']
        if not path.is_file():
            return counts.get(dataset['ann_file'])
        return len(path.read_text().split()) if path.suffix == '.txt' else _occurrences(path, b'"file_name"')
    if _folder(dataset) in counts:
        return counts[_folder(dataset)]
    try:
        return len(DATASETS.build(dataset))
    except (OSError, ValueError):
        return None


def _without_key(line: str) -> str:
    """The message without the dataset's key, which is another in each config."""
    return re.sub(r'^(\w+_dataloader[^ :]*(?<!classes): )', '', line.removeprefix('  - '))


def _check_set(dataset: dict[str, Any], counts: dict[str, int]) -> Iterator[str]:
    root = Path(dataset.get('data_root') or '')
    path = root / dataset['ann_file']
    wanted = counts.get(dataset['ann_file'])
    found = count_images(dataset, counts)
    help_ = remedy(dataset['type'])
    if wanted is not None and found != wanted:
        yield f'{path} lists {found:,} images, but must have {wanted:,}. {help_}'
    if path.suffix == '.txt':
        yield from _check_xml(dataset, root, path, help_)
    else:
        yield from _check_json(dataset, root, path, wanted, help_)


def _check_xml(dataset: dict[str, Any], root: Path, listed: Path, help_: str) -> Iterator[str]:
    folder = root / (dataset.get('data_prefix') or {}).get('sub_data_root', '')
    annotations = folder / dataset.get('ann_subdir', 'Annotations')
    images = folder / dataset.get('img_subdir', 'JPEGImages')
    there = {entry.name for entry in os.scandir(images) if entry.stat().st_size} if images.is_dir() else ()
    classes = set(dataset_classes(dataset))
    without, broken, strange = [], [], {}
    for name in listed.read_text().split():
        if f'{name}.jpg' not in there:
            without.append(images / f'{name}.jpg')
        path = annotations / f'{name}.xml'
        try:
            for node in ElementTree.parse(path).iterfind('object'):
                strange.setdefault(node.findtext('name'), path)
                for side in _BOX:
                    float(node.findtext(f'bndbox/{side}'))
        except (OSError, ElementTree.ParseError, TypeError, ValueError) as error:
            broken.append(f'{path} ({error})')
    yield from _some(f'{len(without)} images listed in {listed} are not there or empty', without, help_)
    yield from _some(f'{len(broken)} annotations of {listed} cannot be read', broken, help_)
    # Who names the classes of a set may mean to leave some of its objects out, as mmdet does.
    chosen = (dataset.get('metainfo') or {}).get('classes')
    for name, path in strange.items() if not chosen else ():
        if name not in classes:
            yield (
                f'{path} has an object {name!r}, which is none of the classes {sorted(classes)} and so would '
                'not be learnt. Correct its name, or name the wanted ones in metainfo=dict(classes=...)'
            )


def _check_json(
    dataset: dict[str, Any], root: Path, path: Path, wanted: int | None, help_: str
) -> Iterator[str]:
    with path.open('rb') as file:
        file.seek(max(path.stat().st_size - 64, 0))
        if not file.read().rstrip().endswith(b'}'):
            yield f'{path} ends in the middle: it was not copied whole. {help_}'
            return
    whole = path.stat().st_size < _READ_WHOLE
    if whole:
        try:
            coco = json.loads(path.read_text())
            known = {image['id']: image['file_name'] for image in coco['images']}
            lost = [a['id'] for a in coco['annotations'] if a['image_id'] not in known or len(a['bbox']) != 4]
        except (ValueError, KeyError, TypeError) as error:
            yield f'{path} cannot be read as COCO annotations: {type(error).__name__} {error}. {help_}'
            return
        yield from _some(f'{len(lost)} annotations of {path} belong to no image or have no box', lost, help_)
    if wanted is not None:
        for prefix in (dataset.get('data_prefix') or {}).values():
            there = sum(entry.name.endswith(('.jpg', '.png')) for entry in os.scandir(root / prefix))
            if there != wanted:
                yield f'{root / prefix} has {there:,} images, but must have {wanted:,}. {help_}'
                return
    if whole:
        images = root / (dataset.get('data_prefix') or {}).get('img', '')
        without = [images / name for name in known.values() if not _has_content(images / name)]
        yield from _some(f'{len(without)} images listed in {path} are not there or empty', without, help_)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _some(what: str, names: list, help_: str) -> Iterator[str]:
    if names:
        more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
        yield f'{what}: {", ".join(map(str, names[:_SHOWN]))}{more}. {help_}'


def _occurrences(path: Path, word: bytes) -> int:
    """How often `word` is in a file, without reading hundreds of megabytes into memory."""
    if not path.stat().st_size:
        return 0
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        count, place = 0, text.find(word)
        while place >= 0:
            count, place = count + 1, text.find(word, place + 1)
    return count
