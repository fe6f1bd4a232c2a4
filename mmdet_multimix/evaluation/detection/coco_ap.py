"""Average precision as COCO and LVIS define it, from matches."""

from __future__ import annotations

import numpy as np

from .boxes import FREQUENCIES
from .matching import AP_IOUS, Matches, class_mean

RECALLS = np.linspace(0.0, 1.0, 101)


def average_precision(matches: Matches, area: str = 'all') -> np.ndarray:
    """AP of each class at each threshold of the matches.

    Precision, made monotone in the recall, is averaged over 101 recalls, as in ``pycocotools.cocoeval``.

    Args:
        matches: Detections and what they found.
        area: One of the ranges that were matched.

    Returns:
        ``(T, C)``; NaN of a class without objects of that size.
    """
    a = matches.areas.index(area)
    objects = matches.objects[a]
    ap = np.full((len(matches.thresholds), len(objects)), np.nan)
    for c, mine in enumerate(matches.by_class()):
        if objects[c]:
            for t in range(len(ap)):
                counts = ~matches.ignored[a, t, mine]
                ap[t, c] = _interpolated(matches.found[a, t, mine][counts], objects[c])
    return ap


def _interpolated(found: np.ndarray, objects: int) -> float:
    """AP of one class from what its detections, by descending score, found."""
    if not len(found):
        return 0.0
    hits = np.cumsum(found, dtype=np.float64)
    precision = hits / (np.arange(1, len(found) + 1) + np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / objects, RECALLS, side='left')
    return float(np.append(precision, 0.0)[places].mean())


def ap_measures(matches: Matches, names: tuple[str, ...], frequencies: list[str | None]) -> dict:
    """The figures of COCO's evaluation, under mmdet's names.

    Args:
        matches: At all of :data:`AP_IOUS`; what other thresholds they have is left out.
        names: Class names.
        frequencies: For each class ``'r'``, ``'c'``, ``'f'`` (LVIS) or None.

    Returns:
        ``mAP`` (IoU 0.50 to 0.95), ``mAP_50``, ``mAP_75``, ``mAP_s``, ``mAP_m`` and ``mAP_l`` as far as their
        areas were matched, ``mAP_r``, ``mAP_c`` and ``mAP_f`` where frequencies are known, and ``classes``:
        for each its ``mAP``, ``mAP_50`` and number of ``objects``, and its ``frequency`` where that is known.
        NaN where there are no objects.
    """
    chosen = [matches.thresholds.index(t) for t in AP_IOUS]
    everything = average_precision(matches)[chosen]  # (10, C)
    per_class = everything.mean(axis=0)
    of_all, at_50, at_75 = map(class_mean, (per_class, everything[0], everything[5]))
    values = {'mAP': of_all, 'mAP_50': at_50, 'mAP_75': at_75}
    for area in matches.areas[1:]:
        values[f'mAP_{area}'] = class_mean(average_precision(matches, area)[chosen].mean(axis=0))
    groups = np.array([frequency or '' for frequency in frequencies])
    for group in FREQUENCIES:
        if (groups == group).any():
            values[f'mAP_{group}'] = class_mean(per_class[groups == group])
    columns = zip(names, per_class.tolist(), everything[0].tolist(), matches.objects[0].tolist(), strict=True)
    classes = {name: {'mAP': ap, 'mAP_50': ap50, 'objects': count} for name, ap, ap50, count in columns}
    for row, frequency in zip(classes.values(), frequencies, strict=True):
        row |= {'frequency': frequency} if frequency else {}
    return {**values, 'classes': classes}
