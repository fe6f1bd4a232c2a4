"""Whether an evaluation gives the metrics that an experiment asks for, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmdet.registry import METRICS
from mmengine.config import Config

from .preflight import evaluators

_COCO_ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')


def check_metrics(cfg: Config, metrics: dict[str, str]) -> Iterator[str]:
    """A line for each metric that the test of a detector will not give.

    Args:
        cfg: Config of the detector.
        metrics: Keys of its metrics, such as `coco/bbox_mAP`, by their labels.
    """
    known = [_keys(entry) for entry in evaluators(cfg, 'test_evaluator')]
    for label, key in metrics.items():
        prefix, _, name = key.rpartition('/')
        if not any(prefix == given and (names is None or name in names) for given, names in known):
            listed = ', '.join(f'{start}/{item}' for start, names in known for item in names or ['...'])
            yield f'metrics[{label!r}] is {key!r}, but test_evaluator gives {listed or "nothing"}'


def empty_result(cfg: Config) -> dict[str, float]:
    """What mmdet's COCO metrics leave out where a detector has found nothing at all: zeros."""
    found = {}
    for entry in evaluators(cfg, 'test_evaluator'):
        prefix, names = _keys(entry)
        if entry['type'] in ('CocoMetric', METRICS.get('CocoMetric')):
            found |= {f'{prefix}/{name}': 0.0 for name in names or ()}
    return found


def _keys(entry: dict[str, Any]) -> tuple[str, tuple[str, ...] | None]:
    """The prefix of a metric's keys and what follows it, None where that is not known here."""
    kind = METRICS.get(entry['type']) if isinstance(entry['type'], str) else entry['type']
    prefix = entry.get('prefix') or getattr(kind, 'default_prefix', None) or ''
    if kind is METRICS.get('VOCMetric') and entry.get('metric', 'mAP') == 'mAP':
        thresholds = entry.get('iou_thrs', 0.5)
        thresholds = thresholds if isinstance(thresholds, (list, tuple)) else [thresholds]
        return prefix, ('mAP', *(f'AP{int(value * 100):02d}' for value in thresholds))
    wanted = entry.get('metric', 'bbox')
    wanted = [wanted] if isinstance(wanted, str) else wanted
    plain = not entry.get('classwise') and not entry.get('metric_items') and 'proposal' not in wanted
    if kind is METRICS.get('CocoMetric') and plain:
        return prefix, tuple(f'{what}_{item}' for what in wanted for item in _COCO_ITEMS)
    return prefix, None
