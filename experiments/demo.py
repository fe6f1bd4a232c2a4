"""The cells of the demo: classifiers of digits, and detectors that start from them and from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cells import detect_cell, pretrain_cell
from .demo_report import NAMES, ROWS, Demo, title_of
from .digits import digits_options
from .plan import Plan

_CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
_METRIC = 'coco/bbox_mAP'


def demo_plan(
    root: Path, demo: Demo, classifier: Mapping[str, Any] = {}, detector: Mapping[str, Any] = {}
) -> Plan:
    """A cell for each classifier, then one for each detector, seed by seed.

    Args:
        root: The work dir.
        demo: What is trained.
        classifier: Overrides for all classifiers.
        detector: Overrides for all detectors.
    """
    common, inputs = digits_options(root / 'data')
    cells = []
    for seed in range(demo.seeds):
        chosen = {'randomness.seed': seed}
        for method in NAMES:
            for name in demo.classifiers(method)[seed : seed + 1]:
                config = _CONFIGS / f'pretrain/resnet_tiny_digits_{method}.py'
                title = f'seed {seed}: classifier, {NAMES[method]}'
                cells.append(pretrain_cell(name, title, config, {**classifier, **chosen}))
        for method, roi_multimix in ROWS:
            name = demo.detectors(method, roi_multimix)[seed]
            suffix = '_multimix' if roi_multimix else ''
            cells.append(
                detect_cell(
                    root,
                    name,
                    f'seed {seed}: detector, {title_of(method, roi_multimix)}',
                    _CONFIGS / f'detection/faster_rcnn_tiny_digits{suffix}.py',
                    {**common, **detector, **chosen},
                    metric=_METRIC,
                    pretraining=next(iter(demo.classifiers(method)[seed : seed + 1]), None),
                    inputs=inputs,
                    predictions=True,
                )
            )
    return Plan.of(root, root, cells)
