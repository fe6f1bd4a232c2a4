"""Detection sets of mmdet: their objects, and their images with something done to them."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets import CocoDataset
from mmengine.dataset import Compose
from mmengine.fileio import get_local_path
from torch.utils.data import Dataset

from ...datasets.unread_images import image_size
from ..ood_images import list_images
from .boxes import GroundTruth, coco_ground_truth, crowds_of_every_class


def ground_truth(dataset: Any) -> tuple[GroundTruth, np.ndarray]:
    """The objects of a set that mmdet reads, and which of its images each item of the set is.

    Of a COCO-like set they are those of its file, with areas of outlines, crowds and the keys of LVIS. Of any
    other (Pascal VOC, a concatenation) they are the items' ``instances``: the area is that of the box, and
    what the set says to ignore (VOC's difficult objects, CrowdHuman's regions of no class) is treated as a
    crowd, as in mmdet's ``CocoMetric``.

    Args:
        dataset: Built, of any of mmdet's types or in its wrappers.

    Returns:
        The objects, and for each item the index of its image, ``(N,)``.

    Raises:
        ValueError: The set has no images or no classes, or two images of one id.
    """
    classes = (dataset.metainfo or {}).get('classes')
    if not classes:
        raise ValueError('test_dataloader.dataset does not name its classes; set metainfo=dict(classes=...)')
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    if isinstance(dataset, CocoDataset) and str(dataset.ann_file).endswith('.json'):
        with get_local_path(dataset.ann_file, backend_args=dataset.backend_args) as path:
            coco = json.loads(Path(path).read_text())
        ids = [info['img_id'] for info in infos]
        wanted = set(ids)
        coco['images'] = [image for image in coco['images'] if image['id'] in wanted]
        truth = coco_ground_truth(coco, dataset.cat_ids)
    else:
        ids = list(range(len(infos)))  # two sets in one may have the same
        truth = _from_instances(infos, tuple(classes))
    index_of = {image: index for index, image in enumerate(truth.image_ids)}
    if len(index_of) != len(infos):
        raise ValueError(
            f'test_dataloader.dataset has {len(infos)} items, but {len(index_of)} different image ids'
        )
    return truth, np.array([index_of[image] for image in ids], np.int64)


def _from_instances(infos: list[dict], classes: tuple[str, ...]) -> GroundTruth:
    if not infos:
        raise ValueError('test_dataloader.dataset has no images')
    rows = [
        (image, instance['bbox_label'], *instance['bbox'], instance.get('ignore_flag', 0))
        for image, info in enumerate(infos)
        for instance in info.get('instances', ())
    ]
    table = np.array(rows, np.float64).reshape(-1, 7)
    boxes = np.concatenate([table[:, 2:4], table[:, 4:6] - table[:, 2:4]], axis=1)
    truth = GroundTruth(
        list(range(len(infos))),
        classes,
        list(range(len(classes))),
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        boxes,
        boxes[:, 2] * boxes[:, 3],
        table[:, 6].astype(bool),
        [None] * len(classes),
    )
    return crowds_of_every_class(truth)


def contents(dataset: Any) -> list[str]:
    """What each item of a set shows, in order: another text where its predictions may be others.

    It has all that the set knows of the item but its objects, and size and time of a file on this machine.

    Args:
        dataset: Built, maybe in wrappers, or a :class:`FolderDetectionImages`.
    """
    found = []
    for index in range(len(dataset)):
        info = {key: value for key, value in dataset.get_data_info(index).items() if key != 'instances'}
        try:
            stat = os.stat(info['img_path'])
            info['file'] = stat.st_size, stat.st_mtime_ns
        except (KeyError, TypeError, ValueError, OSError):
            pass  # elsewhere, or not in a file of its own
        found.append(repr(info))
    return found


def shortest_side(info: dict) -> float:
    """The pixels of an image's shorter side in its file, or else in its annotations; infinite if unknown.

    Args:
        info: Of mmdet's ``get_data_info``.
    """
    size = image_size(str(info.get('img_path'))) or (info.get('width'), info.get('height'))
    return min((side for side in size if isinstance(side, (int, float))), default=math.inf)


def transformed(dataset: Any, transform: Callable[[dict], dict]) -> Any:
    """A copy of a set whose images go through a transform right after they are loaded.

    Args:
        dataset: Built, maybe in wrappers; it is not changed.
        transform: Of a pipeline's dict, with the image under ``'img'``.

    Raises:
        ValueError: Its pipeline has no transform named ``Load...Image...``.
    """
    clone = copy.copy(dataset)
    if hasattr(dataset, 'datasets'):
        clone.datasets = [transformed(inner, transform) for inner in dataset.datasets]
    elif hasattr(dataset, 'dataset'):
        clone.dataset = transformed(dataset.dataset, transform)
    else:
        steps = list(dataset.pipeline.transforms)
        steps.insert(_loader(steps) + 1, transform)
        clone.pipeline = Compose(steps)
    return clone


def _loader(steps: Sequence[Any]) -> int:
    for place, step in enumerate(steps):
        if type(step).__name__.startswith('Load') and 'Image' in type(step).__name__:
            return place
    names = ', '.join(type(step).__name__ for step in steps)
    raise ValueError(f'the test pipeline has no transform that loads images by name, it has {names}')


class FolderDetectionImages(Dataset):
    """The images anywhere below a folder, through the pipeline of a set, without its annotations.

    Args:
        folder: The folder.
        dataset: The set, maybe in wrappers.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: There is no image in it, or one that cannot be read.
    """

    def __init__(self, folder: str | Path, dataset: Any) -> None:
        self.paths = list_images(folder)
        while hasattr(dataset, 'datasets') or hasattr(dataset, 'dataset'):
            dataset = dataset.datasets[0] if hasattr(dataset, 'datasets') else dataset.dataset
        steps = [s for s in dataset.pipeline.transforms if 'LoadAnnotations' not in type(s).__name__]
        _loader(steps)
        self.pipeline = Compose(steps)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(self.get_data_info(index))

    def get_data_info(self, index: int) -> dict:
        """What the pipeline begins with, as mmdet's sets have it."""
        return {'img_id': index, 'img_path': str(self.paths[index]), 'instances': []}
