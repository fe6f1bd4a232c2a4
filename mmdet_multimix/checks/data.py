"""Whether the data of configs are there: quickly before every training, and thoroughly for all at once."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from mmdet.datasets import CocoDataset, XMLDataset
from mmengine.config import Config

from ..utils.registered import is_a, use_scope_of
from . import coco, coco_file, image_folders, voc
from .classes import check_names, check_same
from .metrics import check_evaluators
from .packages import check_packages
from .remark import Remark, say_remarks
from .splits import check_evaluated
from .walk import DataSet, data_sets

LOADERS = {'train': ('train_dataloader', 'val_dataloader'), 'test': ('test_dataloader',)}
EVALUATORS = {'train': 'val_evaluator', 'test': 'test_evaluator'}
_FORMATS = {CocoDataset: coco, XMLDataset: voc}


def check_set(dataset: DataSet) -> Iterator[str]:
    """What can be seen of a set in a second: files, folders, class names, and the boxes that are learnt.

    Args:
        dataset: The set.

    Yields:
        A line for each fault, naming file and remedy.
    """
    path, said = dataset.annotations, str if dataset.read_by_mmdet else Remark
    lacking = list(check_packages(dataset.type))
    if dataset.type is None:
        yield f'unknown data set {dataset.type_name!r}; is its package in custom_imports?'
    elif dataset.remote or lacking:
        yield from lacking
    elif path is not None and not (path.is_file() if dataset.read_by_mmdet else path.exists()):
        yield said(f'annotation file {path} does not exist. {dataset.remedy}')
    else:
        prefixes = {prefix for prefix in dataset.prefixes.values() if '://' not in prefix}
        prefixes = set() if dataset.loads_by_backend else prefixes
        missing = [folder for folder in sorted(dataset.root / p for p in prefixes) if not folder.is_dir()]
        for folder in missing if path else ():
            yield said(f'image folder {folder} does not exist. {dataset.remedy}')
        faults = list(check_names(dataset))
        yield from faults
        if _format(dataset) and not missing and not faults:
            yield from _format(dataset).check(dataset)


def check_data(configs: list[Config], counts: dict[str, int]) -> list[str]:
    """All that is wrong with the data of several configs.

    First what :func:`check_config` would find before each training. If that is nothing, every annotation is
    read, and every image looked for and counted, which takes seconds.

    Args:
        configs: Configs of classifiers and detectors.
        counts: The number of images that a set must have, by its annotation file below the data's root
            (``VOC2007/ImageSets/Main/test.txt``) or, for a set without one, its folder's path.

    Returns:
        A line for each fault, naming file and remedy.
    """
    problems: dict[str, None] = {}  # ordered, each once
    found: dict[tuple[str, bool], DataSet] = {}
    for cfg in configs:
        use_scope_of(cfg)
        for stage, loaders in LOADERS.items():
            sets = data_sets(cfg, loaders)
            for dataset in sets:
                # The same set stands in many configs, so its key in one of them would not help.
                if found.setdefault((dataset.content, dataset.learnt), dataset) is dataset:
                    problems.update(dict.fromkeys(say_remarks(check_set(dataset))))
            problems.update(dict.fromkeys(check_same(cfg, sets)))
            problems.update(dict.fromkeys(check_evaluators(cfg, EVALUATORS[stage])))
    for cfg in configs if not problems else ():
        for key in EVALUATORS.values():
            problems.update(dict.fromkeys(say_remarks(check_evaluated(cfg, key))))
    if problems:
        coco_file.forget()
        return list(problems)  # counting what is not there would only repeat it
    for dataset in {dataset.content: dataset for dataset in found.values()}.values():
        if not dataset.remote and _format(dataset):
            wanted = counts.get(_count_key(dataset))
            problems.update(dict.fromkeys(_format(dataset).check_whole(dataset, wanted)))
    coco_file.forget()
    return list(problems)


def count_images(dataset: dict[str, Any], counts: dict[str, int]) -> int | None:
    """Count the images of one set, before any filter.

    Args:
        dataset: The config of the set, without wrappers.
        counts: As for :func:`check_data`. It is used where the set is not there, or would have to be built.

    Returns:
        Their number, None where it cannot be known.
    """
    found = DataSet('', dataset)
    known = counts.get(_count_key(found))
    there = found.annotations.is_file() if found.annotations else known is None
    if not there or not _format(found):
        return known
    try:
        return _format(found).count(found)
    except (OSError, ValueError):
        return None


def _format(dataset: DataSet) -> ModuleType | None:
    """The file of this folder that knows the format of a set."""
    if not dataset.cfg.get('ann_file'):
        return image_folders
    kind = dataset.type if dataset.annotations else None
    return next((room for base, room in _FORMATS.items() if is_a(kind, base)), None)


def _count_key(dataset: DataSet) -> str:
    return dataset.cfg['ann_file'] if dataset.annotations else str(image_folders.folder(dataset))
