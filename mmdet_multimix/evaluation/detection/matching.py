"""Which detection finds which object, at several IoU thresholds and sizes of objects at once.

The rules are those of COCO's evaluation (``pycocotools.cocoeval``) to the bit. That evaluation itself takes
minutes on half a million detections, says nothing meanwhile, and does not give the IoU of a match.

Shape letters of this folder: D detections, G objects, C classes, T thresholds of the IoU, A ranges of areas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as mask_utils

from .boxes import Detections, GroundTruth

# Square pixels, from and to: those of COCO, and its `all`.
AREAS = {'all': (0, 1e10), 's': (0, 32**2), 'm': (32**2, 96**2), 'l': (96**2, 1e10)}
AP_IOUS = tuple(np.linspace(0.5, 0.95, 10))
_THRESHOLDS = (0.0, *AP_IOUS)
MAX_DETECTIONS = 100  # of an image and class; COCO
MAX_DETECTIONS_LVIS = 300  # of an image
_ALMOST_ONE = 1 - 1e-10  # as in pycocotools: what a threshold of 1 asks for
_ANY_OVERLAP = np.finfo(np.float64).tiny


@dataclass
class Matches:
    """Detections by descending score (equal ones by image, then as they were given), and what they found.

    Attributes:
        scores: ``(D,)``.
        labels: ``(D,)`` classes.
        images: ``(D,)`` indices of images.
        found: ``(A, T, D)`` whether a detection found an object that counts.
        ignored: ``(A, T, D)`` whether it counts neither for nor against the detector.
        ious: ``(T, D)`` IoU with the object found, of any size; 0 where there is none.
        objects: ``(A, C)`` number of objects that count.
        thresholds: The T thresholds of the IoU.
        areas: Names of the A ranges of areas, ``'all'`` first.
        order: ``(D,)`` where each stood among the detections that were given.
    """

    scores: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    found: np.ndarray
    ignored: np.ndarray
    ious: np.ndarray
    objects: np.ndarray
    thresholds: tuple[float, ...]
    areas: tuple[str, ...]
    order: np.ndarray

    def subset(self, keep: np.ndarray, objects: np.ndarray | None = None) -> Matches:
        """Those of a mask ``(D,)``; ``objects`` are others where whole images are left out."""
        columns = ('scores', 'labels', 'images', 'found', 'ignored', 'ious', 'order')
        kept = {name: getattr(self, name)[..., keep] for name in columns}
        return replace(self, objects=self.objects if objects is None else objects, **kept)

    def at(
        self, tau: float, min_scores: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of objects of any size at a threshold: counts at all, found, IoU; ``(D,)`` each.

        With ``min_scores`` of the classes, ``(C,)``, what is below does not count.
        """
        t = self.thresholds.index(tau)
        counts = ~self.ignored[0, t]
        if min_scores is not None:
            counts &= self.scores >= min_scores[self.labels]
        return counts, self.found[0, t], self.ious[t] * self.found[0, t]

    def by_class(self) -> list[np.ndarray]:
        """The indices of the detections of each of the C classes, by descending score."""
        ends = np.cumsum(np.bincount(self.labels, minlength=self.objects.shape[1]))
        return np.split(np.argsort(self.labels, kind='stable'), ends[:-1])


def match(
    truth: GroundTruth,
    detections: Detections,
    thresholds: Sequence[float] = _THRESHOLDS,
    areas: Sequence[str] = tuple(AREAS),
    progress: Callable[[float], None] | None = None,
) -> Matches:
    """Give each detection at most one object of its class and image, the surest detection first.

    A detection takes the free object with which it overlaps most, if their IoU is at least the threshold.
    Objects that do not count (crowds, and those outside of the range of areas) are taken only where no other
    is left, and crowds again and again. What found such an object, or found nothing and is itself outside of
    the range, is ignored. A threshold of 0 asks for an IoU above 0. (COCO's code, and with it the authors' of
    LaECE_0, would take 0 literally, and give an object to a box that does not touch it.)

    In a federated set (LVIS) detections of classes that were not looked for in their image are left out, and
    those that found nothing are ignored where not all objects of the class are annotated.

    Args:
        truth: The objects.
        detections: The surest 100 of an image and class are taken; of LVIS, the surest 300 of an image.
        thresholds: Of the IoU.
        areas: Names of :data:`AREAS`; the first must be ``'all'``.
        progress: Called with the share of the work that is done, now and then.

    Raises:
        ValueError: A first range that is not ``'all'``.
    """
    if not areas or areas[0] != 'all':
        raise ValueError(f"areas must begin with 'all', got {tuple(areas)}")
    order = _order(truth, detections)
    d = detections.subset(order)
    shape = (len(areas), len(thresholds))
    limits = np.array([AREAS[name] for name in areas])
    found, ignored = np.zeros((*shape, len(d)), bool), np.zeros((*shape, len(d)), bool)
    ious = np.zeros((len(thresholds), len(d)))
    beside = (truth.areas < limits[:, :1]) | (truth.areas > limits[:, 1:]) | truth.crowd  # (A, G)
    wanted = np.array([min(t, _ALMOST_ONE) or _ANY_OVERLAP for t in thresholds])

    objects_of, detections_of = _groups(truth.images, truth.labels), _groups(d.images, d.labels)
    for done, (key, mine) in enumerate(objects_of.items()):
        theirs = detections_of.get(key)
        if theirs is not None:
            overlap = mask_utils.iou(d.boxes[theirs], truth.boxes[mine], truth.crowd[mine].astype(np.uint8))
            of_pair = _match_pair(np.asarray(overlap), beside[:, mine], truth.crowd[mine], wanted)
            found[:, :, theirs], ignored[:, :, theirs], ious[:, theirs] = of_pair
        if progress is not None and done % 500 == 0:
            progress(done / len(objects_of))

    own = d.boxes[:, 2] * d.boxes[:, 3]
    outside = (own < limits[:, :1]) | (own > limits[:, 1:])  # (A, D)
    if truth.partial is not None:
        pairs = zip(d.images.tolist(), d.labels.tolist(), strict=True)
        outside |= np.array([label in truth.partial[image] for image, label in pairs], bool)
    nothing = ~found & ~ignored
    ignored |= nothing & outside[:, None]
    objects = np.stack([np.bincount(truth.labels[~b], minlength=len(truth.names)) for b in beside])
    return Matches(
        d.scores, d.labels, d.images, found, ignored, ious, objects, tuple(thresholds), tuple(areas), order
    )


def class_mean(values: np.ndarray) -> float:
    """The mean of a measure of each class ``(C,)``, of those that have it; NaN where none has."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float('nan')


def _order(truth: GroundTruth, d: Detections) -> np.ndarray:
    """Which detections are taken, by descending score; equal ones by image, then as they were given."""
    order = np.lexsort((np.arange(len(d)), -d.scores, d.images))
    if truth.absent is None:
        of_pair = np.lexsort((np.arange(len(d)), d.labels[order], d.images[order]))
        keys = d.images[order][of_pair] * len(truth.names) + d.labels[order][of_pair]
        keep = np.sort(of_pair[_ranks(keys) < MAX_DETECTIONS])
    else:
        keep = np.flatnonzero(_ranks(d.images[order]) < MAX_DETECTIONS_LVIS)
        looked_for = set(zip(truth.images.tolist(), truth.labels.tolist(), strict=True))
        looked_for |= {(image, label) for image, labels in enumerate(truth.absent) for label in labels}
        pairs = zip(d.images[order[keep]].tolist(), d.labels[order[keep]].tolist(), strict=True)
        keep = keep[np.array([pair in looked_for for pair in pairs], bool)]
    order = order[keep]
    return order[np.argsort(-d.scores[order], kind='stable')]


def _ranks(keys: np.ndarray) -> np.ndarray:
    """The place of each element among those of the same key, which stand together."""
    places = np.arange(len(keys))
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return places - np.repeat(first, np.diff(first, append=len(keys)))


def _groups(images: np.ndarray, labels: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Indices of the elements of each image and class, in their order."""
    if not len(images):
        return {}
    order = np.lexsort((labels, images))  # stable
    pairs = np.stack([images[order], labels[order]], axis=1)
    starts = np.flatnonzero((np.diff(pairs, axis=0, prepend=-1) != 0).any(axis=1))
    return {tuple(pairs[s].tolist()): g for s, g in zip(starts, np.split(order, starts[1:]), strict=True)}


def _match_pair(
    overlap: np.ndarray, beside: np.ndarray, crowd: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The objects that detections of one image and class find, all thresholds and areas at once.

    Args:
        overlap: IoU ``(D, G)``, detections by descending score.
        beside: ``(A, G)`` whether an object does not count.
        crowd: ``(G,)``.
        wanted: ``(T,)`` what the IoU must reach.

    Returns:
        ``found`` and ``ignored``, ``(A, T, D)``, and ``ious``, ``(T, D)``.
    """
    (a, g), t, d = beside.shape, len(wanted), len(overlap)
    found, ignored, ious = np.zeros((a, t, d), bool), np.zeros((a, t, d), bool), np.zeros((t, d))
    # From the last object backwards, as among equal overlaps the last one is taken.
    overlap, beside, crowd = overlap[:, ::-1], beside[:, None, ::-1], crowd[::-1]
    free = np.ones((a, t, g), bool)
    any_beside = beside.any()
    for i in np.flatnonzero(overlap.max(axis=1) >= wanted.min()):
        reached = overlap[i] >= wanted[:, None]  # (T, G)
        candidates = reached & free & ~beside
        best = np.where(candidates, overlap[i], -1).argmax(axis=2)  # (A, T)
        hit = candidates.any(axis=2)
        found[:, :, i] = hit
        if any_beside:
            spare = reached & (free | crowd) & beside & ~hit[:, :, None]
            missed = spare.any(axis=2)
            best = np.where(missed, np.where(spare, overlap[i], -1).argmax(axis=2), best)
            ignored[:, :, i] = missed
            hit = hit | missed
        ious[:, i] = np.where(found[0, :, i], overlap[i][best[0]], 0)
        areas, thresholds = np.nonzero(hit)
        free[areas, thresholds, best[areas, thresholds]] = False
    return found, ignored, ious
