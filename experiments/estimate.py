"""What an experiment will do, before it does it: runs, iterations and bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdet_multimix.checks.data_check import count_images
from mmdet_multimix.checks.preflight import dataset_leaves

from .plan import Plan
from .transfer import TransferExperiment


@dataclass(frozen=True)
class Part:
    """Runs of one config that differ in seeds and initial weights alone.

    Attributes:
        title: Method or detector.
        config: Its config file.
        runs: How many there are.
        done: How many of them are done.
        length: What the config says: `'300 epochs'`.
        iterations: Of one run; None where the number of images is not known.
        size: Bytes of the checkpoints that one run leaves.
    """

    title: str
    config: Path
    runs: int
    done: int
    length: str
    iterations: int | None
    size: int


def estimate(experiment: TransferExperiment, done: Iterable[str]) -> list[Part]:
    """The parts of an experiment whose configs are there, pretraining first.

    Args:
        experiment: The experiment.
        done: Names of the cells that are done.
    """
    done = set(done)
    cells = experiment.cells()
    parts = []
    for method, config in experiment.methods.items():
        names = {cell.pretraining for cell in cells if cell.method == method and cell.pretraining}
        if config and config.is_file() and names:
            parts.append(part_of(f'pretrain: {method}', config, {}, names, done, experiment.counts))
    for detector in experiment.detectors.values():
        names = {cell.name for cell in cells if cell.detector is detector}
        if detector.config.is_file():
            title = f'train and test: {detector.name}'
            parts.append(part_of(title, detector.config, detector.options, names, done, experiment.counts))
    return parts


def describe(experiment: TransferExperiment, parts: list[Part], root: Path) -> str:
    """The plan as text."""
    cells = experiment.cells()
    backbones = len({cell.pretraining for cell in cells if cell.pretraining})
    finished = sum(part.done for part in parts)
    lines = [
        experiment.title,
        f'{many(len(experiment.methods), "method")}, {many(len(experiment.detectors), "detector")}, '
        f'{many(experiment.seeds, "seed")}: {many(len(cells), "cell")} from '
        f'{many(backbones, "pretrained backbone")}; {finished} of {backbones + len(cells)} runs are done',
        '',
    ]
    return '\n'.join([*lines, *work_lines(parts, root)])


def work_lines(parts: list[Part], root: Path) -> list[str]:
    """What each part and all of them take."""
    lines = []
    for part in parts:
        each = 'iterations unknown' if part.iterations is None else f'{part.iterations:,} iterations'
        if part.length and part.iterations is not None:
            each = f'{part.length}, {each}'
        each = each if part.iterations is not None else f'{part.length}, {each} without the data'
        lines += [
            f'{part.title}: {many(part.runs, "run")} ({part.done} done), each {each}, {_bytes(part.size)}',
            f'    {part.config}',
        ]
    left = [part.iterations * (part.runs - part.done) for part in parts if part.iterations is not None]
    size = sum(part.size * part.runs for part in parts)
    unknown = ' and those that are unknown without the data' if len(left) < len(parts) else ''
    return [*lines, '', f'to do: {sum(left):,} iterations{unknown}; checkpoints: {_bytes(size)} in {root}']


def why(plan: Plan) -> str:
    """A line for each cell that would run, with the reason."""
    reasons: dict[str, str] = {}
    for name, cell in plan.cells.items():
        folder = plan.root / name
        mine, again = plan.result_file(name), [need for need in cell.needs if need in reasons]
        if mine.exists() and not again:
            made = mine.stat().st_mtime
            newer = [need for need in cell.needs if plan.result_file(need).stat().st_mtime > made]
            if newer:
                reasons[name] = f'{newer[0]} was made anew'
            continue
        if any(folder.glob('result-*.json')):
            reasons[name] = 'its config or options have changed'
        elif plan.failure_file(name).exists():
            reasons[name] = 'failed when it was last tried'
        elif (folder / 'last_checkpoint').exists():
            reasons[name] = f'goes on at {Path((folder / "last_checkpoint").read_text().strip()).name}'
        else:
            reasons[name] = 'not begun'
        if again:
            reasons[name] += f', after {again[0]}'
    lines = [f'  {name}: {reason}' for name, reason in reasons.items()]
    return '\n'.join(['', f'{len(reasons)} of {len(plan.cells)} cells would run:', *lines])


def part_of(
    title: str, config: Path, options: dict[str, Any], names: set[str], done: set[str], counts: dict[str, int]
) -> Part:
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(options)
    length, iterations = _length(cfg, counts)
    return Part(title, config, len(names), len(names & done), length, iterations, _checkpoints(cfg))


def _length(cfg: Config, counts: dict[str, int]) -> tuple[str, int | None]:
    if cfg.train_cfg.get('max_iters'):
        return '', cfg.train_cfg.max_iters
    epochs = cfg.train_cfg.max_epochs
    loader = cfg.train_dataloader
    images = [count_images(dataset, counts) for _, dataset in dataset_leaves(loader.dataset, '')]
    if None in images:
        return f'{epochs} epochs', None
    # Images without objects, which detectors leave out, are counted: a little more than it will be.
    rounded = math.floor if loader.get('drop_last') else math.ceil
    return f'{epochs} epochs', epochs * rounded(sum(images) / loader.batch_size)


def build_shapes(cfg: Config) -> torch.nn.Module:
    """The model of a config, its parameters without memory or random numbers where it can be had so."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    try:
        with torch.device('meta'):
            return MODELS.build(cfg.model)
    except (RuntimeError, NotImplementedError):  # it computes something when it is built
        return MODELS.build(cfg.model)


def _checkpoints(cfg: Config) -> int:
    """Bytes of all checkpoints that a run leaves: weights, statistics and the optimizer's state."""
    model = build_shapes(cfg)
    learnt = sum(value.nbytes for value in model.parameters())
    kept = sum(value.nbytes for value in model.state_dict().values())
    optimizer = cfg.optim_wrapper.optimizer
    states = 2 if 'Adam' in optimizer.type else int(optimizer.get('momentum', 0) > 0)
    hook = cfg.default_hooks.checkpoint
    files = hook.get('max_keep_ckpts', -1)
    if files < 0:
        files = math.ceil((cfg.train_cfg.get('max_iters') or cfg.train_cfg.max_epochs) / hook.interval)
    return (kept + states * learnt) * (files + bool(hook.get('save_best')))


def many(count: int, word: str) -> str:
    return f'{count} {word}' if count == 1 else f'{count} {word}s'


def _bytes(size: float) -> str:
    for scale, unit in ((1e12, 'TB'), (1e9, 'GB'), (1e6, 'MB')):
        if size >= scale:
            return f'{size / scale:.3g} {unit}'
    return f'{size / 1e3:.3g} kB'
