"""The two stages of a transfer experiment as jobs: pretrain a backbone, train a detector from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..utils.publish import publish_backbone
from .jobs import Job
from .run import Progress, Run
from .scalars import last_scalar

_ACCURACY = 'accuracy/top1'


def pretrain_job(root: Path, name: str, title: str, config: Path, options: dict[str, Any]) -> Job:
    """Trains a classifier and exports its backbone.

    Args:
        root: Folder of the experiment.
        name: Name of the job, its folder below `root`.
        title: For the progress display.
        config: Config of the classifier.
        options: Overrides, as `--cfg-options` takes them.

    Returns:
        A job whose result is `{'top1': percent at the last validation, 'seconds': of training}`.
    """
    run = Run(config, root / name, options, title)

    def work(progress: Progress) -> dict[str, Any]:
        run.train(progress)
        publish_backbone(run.checkpoint, backbone_file(root, name), force=True)
        return {'top1': last_scalar(run.work_dir, _ACCURACY), 'seconds': run.seconds}

    return Job(
        name, title, work, _key(config, options), summary=lambda result: f'top-1 {result["top1"]:.1f} %'
    )


def detector_job(
    root: Path,
    name: str,
    title: str,
    config: Path,
    options: dict[str, Any],
    *,
    metric: str,
    pretraining: str | None = None,
    inputs: tuple[Path, ...] = (),
    validated: bool = False,
) -> Job:
    """Trains a detector and evaluates its last checkpoint.

    Args:
        root: Folder of the experiment.
        name: Name of the job, its folder below `root`.
        title: For the progress display.
        config: Config of the detector.
        options: Overrides, as `--cfg-options` takes them.
        metric: Key of the metric that sums it up, such as `coco/bbox_mAP`.
        pretraining: Name of the :func:`pretrain_job` whose backbone it starts from; None takes what the
            config says.
        inputs: Files that the result depends on, such as annotations; the backbone need not be named.
        validated: Whether the training's last validation is that evaluation: of the same images, after the
            last iteration.

    Returns:
        A job whose result is the metrics, `metric` alone if `validated`, and `seconds`, of training.
    """
    needs = ()
    key = [_key(config, options), [str(path) for path in inputs]]
    if pretraining is not None:
        backbone = backbone_file(root, pretraining)
        options = {
            **options,
            'model.backbone.init_cfg._delete_': True,
            'model.backbone.init_cfg.type': 'MultiMixPretrained',
            'model.backbone.init_cfg.checkpoint': str(backbone),
        }
        inputs = (*inputs, backbone)
        needs = (pretraining,)
    run = Run(config, root / name, options, title, inputs)

    def work(progress: Progress) -> dict[str, Any]:
        run.train(progress)
        metrics = {metric: last_scalar(run.work_dir, metric)} if validated else run.test()
        return {**metrics, 'seconds': run.seconds}

    return Job(name, title, work, key, needs, lambda result: f'{metric} {result[metric]:.3f}')


def backbone_file(root: Path, name: str) -> Path:
    """Where a :func:`pretrain_job` leaves its backbone."""
    return root / name / 'backbone.pth'


def _key(config: Path, options: dict[str, Any]) -> list[Any]:
    return [Config.fromfile(config).pretty_text, options]
