"""Whether an evaluation gives the metrics that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmdet.registry import METRICS
from mmengine.config import Config

from ..utils.registered import class_name, registered
from .packages import check_packages
from .walk import evaluators, has_backend, is_there

_COCO_ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')


def check_evaluators(cfg: Config, key: str) -> Iterator[str]:
    """Look for the annotation files that metrics name, and for the packages that they need.

    Args:
        cfg: The config.
        key: ``'val_evaluator'`` or ``'test_evaluator'``.

    Yields:
        A line for each that is not there.
    """
    for entry in evaluators(cfg, key):
        kind = registered(entry.get('type'), METRICS)
        yield from (f'{key}: {line}' for line in check_packages(kind))
        path = entry.get('ann_file')
        if path and not has_backend(entry) and not is_there(path):
            yield f'{key}.ann_file: annotation file {path} does not exist; set it to that of the data'


def check_metrics(cfg: Config, metrics: dict[str, str]) -> Iterator[str]:
    """Look for metrics among those that the test of a detector gives.

    Args:
        cfg: Config of the detector.
        metrics: Keys of metrics, such as ``coco/bbox_mAP``, by their labels.

    Yields:
        A line for each that it will not give.
    """
    measuring = [entry for entry in evaluators(cfg, 'test_evaluator') if not entry.get('format_only')]
    known = [_keys(entry) for entry in measuring]
    for label, key in metrics.items():
        prefix, _, name = key.rpartition('/')
        if not any(prefix == given and (names is None or name in names) for given, names in known):
            nothing = (
                'nothing: set test_dataloader and test_evaluator to annotated images, without format_only'
            )
            yield f'metrics[{label!r}] is {key!r}, but test_evaluator gives {_listed(known) or nothing}'


def check_best(cfg: Config) -> Iterator[str]:
    """Look whether validation gives the metric by which the best checkpoint is kept.

    Args:
        cfg: The config.

    Yields:
        A line for each that it will not give, which would end the training after its first validation.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    wanted = (hook.get('save_best') if isinstance(hook, dict) else None) or []
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    entries = [entry for entry in evaluators(cfg, 'val_evaluator') if not entry.get('format_only')]
    loop = class_name((cfg.get('val_cfg') or {}).get('type', 'ValLoop'))
    models = {'ValLoop': ('',), 'TeacherStudentValLoop': ('teacher/', 'student/')}.get(loop)
    if 'auto' in wanted or not entries or models is None or not all('type' in entry for entry in entries):
        return
    known = [
        (model + prefix, names)
        for model in models
        for prefix, names in map(_keys, entries)
        if prefix or names
    ]
    if len(known) < len(entries) * len(models):  # a metric whose keys may be any
        return
    for key in wanted:
        if not any(
            key.startswith(f'{prefix}/') and (names is None or key.removeprefix(f'{prefix}/') in names)
            for prefix, names in known
        ):
            gives = _listed(known)
            yield f'default_hooks.checkpoint.save_best is {key!r}, but val_evaluator gives {gives}'


def _listed(known: list[tuple[str, tuple[str, ...] | None]]) -> str:
    return ', '.join(f'{prefix}/{name}' for prefix, names in known for name in names or ['...'])


def empty_result(cfg: Config) -> dict[str, float]:
    """The metrics of a detector that has found nothing, which mmdet's COCO metric leaves out: zeros.

    Args:
        cfg: Config of the detector.
    """
    found: dict[str, float] = {}
    for entry in evaluators(cfg, 'test_evaluator'):
        prefix, names = _keys(entry)
        if entry['type'] in ('CocoMetric', METRICS.get('CocoMetric')):
            found |= {f'{prefix}/{name}': 0.0 for name in names or ()}
    return found


def _keys(entry: dict[str, Any]) -> tuple[str, tuple[str, ...] | None]:
    """The prefix of a metric's keys and what follows it, None where that is not known here."""
    kind = registered(entry['type'], METRICS)
    prefix = entry.get('prefix') or getattr(kind, 'default_prefix', None) or ''
    if kind is METRICS.get('VOCMetric') and entry.get('metric', 'mAP') == 'mAP':
        thresholds = entry.get('iou_thrs', 0.5)
        thresholds = thresholds if isinstance(thresholds, (list, tuple)) else [thresholds]
        return prefix, ('mAP', *(f'AP{int(value * 100):02d}' for value in thresholds))
    wanted = entry.get('metric', 'bbox')
    wanted = [wanted] if isinstance(wanted, str) else wanted
    plain = (
        not entry.get('classwise')
        and not entry.get('metric_items')
        and not {'proposal', 'proposal_fast'} & set(wanted)
    )
    if kind is METRICS.get('CocoMetric') and plain:
        return prefix, tuple(f'{what}_{item}' for what in wanted for item in _COCO_ITEMS)
    return prefix, None
