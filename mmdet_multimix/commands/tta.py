"""``--tta``: predictions on several copies of an image, merged by mmdet's ``DetTTAModel``."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from mmengine.config import Config

from ..checks import PreflightError
from ..checks.walk import data_sets
from .running import is_classifier

_MODEL = dict(type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))


def add_tta(cfg: Config) -> None:
    """Wrap the detector, and let its test set make the copies.

    ``tta_model`` and ``tta_pipeline`` of the config say how. Where it has none, an image and its mirror image
    are merged by NMS, as by mmdet's own tool.

    Args:
        cfg: The config; changed in place.

    Raises:
        PreflightError: A classifier, or a test set that cannot be told to make copies.
    """
    if is_classifier(cfg):
        raise PreflightError('--tta is for detectors; a classifier is tested without')
    lacking = [key for key in ('tta_model', 'tta_pipeline') if key not in cfg]
    if lacking:
        print(f'--tta: the config has no {" and no ".join(lacking)}: mirror images, NMS at an IoU of 0.5')
    sets = data_sets(cfg, ('test_dataloader',))
    for dataset in sets:
        if 'pipeline' not in dataset.cfg:
            raise PreflightError(f'--tta needs {dataset.key}.pipeline in the config')
        dataset.cfg['pipeline'] = deepcopy(cfg.get('tta_pipeline')) or _mirrored(dataset.cfg['pipeline'])
    cfg.model = dict(cfg.get('tta_model') or _MODEL, module=cfg.model)


def _mirrored(pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A pipeline that gives each image as it is, and its mirror image."""
    *steps, pack = pipeline
    if 'meta_keys' in pack:  # by default it has these
        pack = dict(pack, meta_keys=tuple(dict.fromkeys([*pack['meta_keys'], 'flip', 'flip_direction'])))
    flips = [dict(type='mmdet.RandomFlip', prob=prob) for prob in (0.0, 1.0)]
    return [*steps, dict(type='TestTimeAug', transforms=[flips, [pack]])]
