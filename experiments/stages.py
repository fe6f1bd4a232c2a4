"""The two stages of a transfer experiment as jobs: pretrain a backbone, train a detector from it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdet_multimix.checkpoints import publish_backbone
from mmdet_multimix.checks import empty_result
from mmdet_multimix.utils.provenance import git_commit, versions

from .jobs import Job
from .launch import Launcher
from .progress import Progress
from .run import Run, RunFailedError
from .scalars import last_scalar, read_scalars

_ACCURACY = 'accuracy/top1'


def pretrain_job(
    root: Path,
    name: str,
    title: str,
    config: Path,
    options: dict[str, Any],
    launcher: Launcher | None = None,
) -> Job:
    """Trains a classifier and exports its backbone.

    Args:
        root: Folder of the experiment.
        name: Name of the job, its folder below `root`.
        title: For the progress display.
        config: Config of the classifier.
        options: Overrides, as `--cfg-options` takes them.
        launcher: How its processes are started; one process by default.

    Returns:
        A job whose result is `{'top1': percent at the last validation, 'top1_best': at the best one,
        'seconds': of training, 'processes': that shared its batch, 'made_with': versions and commit}`.
    """
    run = Run(config, root / name, options, title, launcher=launcher or Launcher())

    def work(progress: Progress) -> dict[str, Any]:
        run.train(progress)
        publish_backbone(run.checkpoint, backbone_file(root, name), force=True)
        best = max(value for _, value in read_scalars(run.work_dir, _ACCURACY))
        return {'top1': last_scalar(run.work_dir, _ACCURACY), 'top1_best': best, **record(run)}

    return Job(
        name,
        title,
        failing(work),
        key_of(config, options),
        summary=lambda result: f'top-1 {result["top1"]:.1f} %',
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
    launcher: Launcher | None = None,
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
        launcher: How its processes are started; one process by default.

    Returns:
        A job whose result is the metrics, `metric` alone if `validated`, `seconds` of training,
        `processes` that shared its batch, and `made_with`: versions and commit.
    """
    needs = ()
    key = [key_of(config, options), [str(path) for path in inputs]]
    if pretraining is not None:
        backbone = backbone_file(root, pretraining)
        options = {**options, **initialised_from(config, backbone)}
        inputs = (*inputs, backbone)
        needs = (pretraining,)
    run = Run(config, root / name, options, title, inputs, launcher or Launcher())

    def work(progress: Progress) -> dict[str, Any]:
        run.train(progress)
        metrics = {metric: last_scalar(run.work_dir, metric)} if validated else run.test()
        if not any('/' in key for key in metrics):
            metrics = {**empty_result(run.read_config()), **metrics}
        if metric not in metrics:
            raise RunFailedError(f'{title}: the evaluation gave no {metric!r}, but {", ".join(metrics)}')
        return {**metrics, **record(run)}

    return Job(name, title, failing(work), key, needs, lambda result: f'{metric} {result[metric]:.3f}')


def backbone_file(root: Path, name: str) -> Path:
    """Where a :func:`pretrain_job` leaves its backbone."""
    return root / name / 'backbone.pth'


def initialised_from(config: Path, backbone: Path) -> dict[str, Any]:
    """Overrides that start a detector's backbone from a file, and the shared layer that C4 detectors have."""
    init_cfg = {'_delete_': True, 'type': 'MultiMixPretrained', 'checkpoint': str(backbone)}
    return {
        f'{module}.init_cfg.{key}': value
        for module in _initialised(config)
        for key, value in init_cfg.items()
    }


def from_scratch(config: Path) -> dict[str, Any]:
    """Overrides that let a detector learn from random weights, none of which may then be frozen.

    They start as mmdet has it, residual branches as zeros where that is its default, whatever the pretraining
    does: with the short schedules of `configs/transfer/digits.py` the other start is worse.
    """
    model = Config.fromfile(config).model
    options: dict[str, Any] = {}
    for module in _initialised(config):
        part = functools.reduce(lambda entry, key: entry[key], module.split('.')[1:], model)
        options[f'{module}.init_cfg'] = None
        free = {'frozen_stages': -1, 'norm_eval': False}
        options |= {f'{module}.{key}': value for key, value in free.items() if key in part}
        if not part.get('norm_cfg', {}).get('requires_grad', True):
            options[f'{module}.norm_cfg.requires_grad'] = True
    return options


def record(run: Run) -> dict[str, Any]:
    """What every result says of its run: `seconds` of training, `processes`, and what it was made with."""
    made_with = {**versions(), 'commit': git_commit()}
    return {'seconds': run.seconds, 'processes': run.processes, 'made_with': made_with}


def failing(work: Callable[[Progress], dict[str, Any]]) -> Callable[[Progress], dict[str, Any]]:
    """Lets what is wrong with a checkpoint or a log fail this job, and not the driver."""

    def call(progress: Progress) -> dict[str, Any]:
        try:
            return work(progress)
        except (ValueError, OSError) as error:
            raise RunFailedError(str(error)) from error

    return call


def key_of(config: Path, options: dict[str, Any]) -> list[Any]:
    """What the result of a run depends on, as the key of its job."""
    return [_text(config), options]


@functools.cache
def _text(config: Path) -> str:
    return Config.fromfile(config).pretty_text


@functools.cache
def _initialised(config: Path) -> tuple[str, ...]:
    """The modules that a backbone's checkpoint fills."""
    shared = 'shared_head' in Config.fromfile(config).model.get('roi_head', {})
    return ('model.backbone', 'model.roi_head.shared_head') if shared else ('model.backbone',)
