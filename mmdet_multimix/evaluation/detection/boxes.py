"""Objects and detections of a set of images, as flat arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

FREQUENCIES = {'r': 'rare', 'c': 'common', 'f': 'frequent'}


@dataclass
class GroundTruth:
    """What there is to detect, N images with G objects of C classes.

    Attributes:
        image_ids: Ids of the images, sorted, ``N`` of them.
        names: Class names, ``C`` of them.
        category_ids: Ids of the classes in files, in the order of their labels.
        images: Index of each object's image, ``(G,)``.
        labels: Index of its class, ``(G,)``.
        boxes: ``(G, 4)`` as x, y, width, height in pixels.
        areas: ``(G,)`` in square pixels, of the outline where there is one.
        crowd: ``(G,)`` whether it stands for a crowd: whatever is detected inside counts for nothing.
        frequencies: For each class its group of LVIS, ``'r'``, ``'c'`` or ``'f'``; None where not known.
        absent: In a federated set such as LVIS, for each image the labels that were looked for and are
            absent. A class that is neither among them nor among the objects was not looked for: its
            detections there count for nothing. None where all classes were looked for everywhere.
        partial: In such a set, for each image the labels of which only some objects are annotated.
    """

    image_ids: list
    names: tuple[str, ...]
    category_ids: list[int]
    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    frequencies: list[str | None] = field(default_factory=list)
    absent: list[set[int]] | None = None
    partial: list[set[int]] | None = None

    @property
    def num_objects(self) -> int:
        """How many are annotated; a crowd that stands once for each class is one."""
        places = np.column_stack([self.images, self.boxes])[self.crowd]
        return int((~self.crowd).sum()) + len(np.unique(places, axis=0))


def crowds_of_every_class(truth: GroundTruth) -> GroundTruth:
    """The objects, where a crowd without a class, as CrowdHuman's, stands once for each class.

    Args:
        truth: The objects. The label of such a crowd is that of no class.
    """
    c = len(truth.names)
    without = truth.crowd & ((truth.labels < 0) | (truth.labels >= c))
    if not without.any():
        return truth
    spread = np.flatnonzero(without)
    rows = np.concatenate([np.flatnonzero(~without), np.repeat(spread, c)])
    return replace(
        truth,
        images=truth.images[rows],
        labels=np.concatenate([truth.labels[~without], np.tile(np.arange(c), len(spread))]),
        boxes=truth.boxes[rows],
        areas=truth.areas[rows],
        crowd=truth.crowd[rows],
    )


@dataclass
class Detections:
    """What a detector found, D boxes.

    Attributes:
        images: Index of each detection's image, ``(D,)``.
        labels: Index of its class, ``(D,)``.
        boxes: ``(D, 4)`` as x, y, width, height in pixels.
        scores: ``(D,)`` in [0, 1].
    """

    images: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        self.images = np.asarray(self.images, np.int64)
        self.labels = np.asarray(self.labels, np.int64)
        self.boxes = np.asarray(self.boxes, np.float64).reshape(-1, 4)
        self.scores = np.asarray(self.scores, np.float64)
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            bad = self.scores[~((self.scores >= 0) & (self.scores <= 1))]
            raise ValueError(
                f'{len(bad)} of {len(self.scores)} scores are not in [0, 1], the first is {bad[0]}: they are '
                'no probabilities, or the training has diverged'
            )
        if not np.isfinite(self.boxes).all():
            raise ValueError('some boxes are not finite: has the training diverged?')

    def __len__(self) -> int:
        return len(self.scores)

    def subset(self, keep: np.ndarray) -> Detections:
        """The detections that a mask ``(D,)`` or indices name."""
        return Detections(self.images[keep], self.labels[keep], self.boxes[keep], self.scores[keep])

    def with_scores(self, scores: np.ndarray) -> Detections:
        """The same boxes with other scores ``(D,)``."""
        return Detections(self.images, self.labels, self.boxes, scores)


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no JSON.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file {path}')
    try:
        return json.loads(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f'{path} cannot be read as JSON: {error}') from error


def coco_ground_truth(coco: dict[str, Any], category_ids: Sequence[int] | None = None) -> GroundTruth:
    """The objects of a COCO file, or of one of LVIS, which adds keys to it.

    Args:
        coco: What the file holds.
        category_ids: Of the classes that are measured, in the order of their labels; None means all, in the
            file's order, as in mmdet.

    Raises:
        ValueError: The file lacks a key or a category, or has no images.
    """
    try:
        categories = {category['id']: category for category in coco['categories']}
        known = [categories[i] for i in (categories if category_ids is None else category_ids)]
        image_ids = sorted(image['id'] for image in coco['images'])
        annotations = coco.get('annotations') or []
        label_of = {category['id']: label for label, category in enumerate(known)}
        index_of = {image: index for index, image in enumerate(image_ids)}
        kept = [a for a in annotations if a['category_id'] in label_of and a['image_id'] in index_of]
        boxes = np.array([a['bbox'] for a in kept], np.float64).reshape(-1, 4)
        areas = np.array([a['area'] for a in kept], np.float64)
    except (KeyError, TypeError) as error:
        raise ValueError(f'not laid out like COCO annotations: {type(error).__name__} {error}') from error
    if not image_ids:
        raise ValueError('the annotations have no images')
    images = {image['id']: image for image in coco['images']}
    federated = any('neg_category_ids' in image for image in coco['images'])

    def labels_in(key: str) -> list[set[int]] | None:
        if not federated:
            return None
        return [{label_of[c] for c in images[i].get(key, ()) if c in label_of} for i in image_ids]

    return GroundTruth(
        image_ids,
        tuple(category['name'] for category in known),
        [category['id'] for category in known],
        np.array([index_of[a['image_id']] for a in kept], np.int64),
        np.array([label_of[a['category_id']] for a in kept], np.int64),
        boxes,
        areas,
        # As in pycocotools, `ignore` of an annotation says nothing: crowds alone are ignored.
        np.array([bool(a.get('iscrowd', 0)) for a in kept], bool),
        [category.get('frequency') for category in known],
        labels_in('neg_category_ids'),
        labels_in('not_exhaustive_category_ids'),
    )


def coco_detections(results: Sequence[dict[str, Any]], truth: GroundTruth) -> Detections:
    """Detections in COCO's format of results.

    Args:
        results: Dicts with ``image_id``, ``category_id``, ``bbox`` (x, y, width, height) and ``score``.
        truth: Whose images and classes they are of.

    Raises:
        ValueError: A result lacks a key, or is of an image or a class that the annotations do not have.
    """
    index_of = {image: index for index, image in enumerate(truth.image_ids)}
    label_of = {category: label for label, category in enumerate(truth.category_ids)}
    try:
        return Detections(
            np.array([index_of[r['image_id']] for r in results], np.int64),
            np.array([label_of[r['category_id']] for r in results], np.int64),
            np.array([r['bbox'] for r in results], np.float64),
            np.array([r['score'] for r in results], np.float64),
        )
    except KeyError as error:
        raise ValueError(
            f'{error} is a key that a result lacks, or an image or category that the annotations lack'
        ) from error
