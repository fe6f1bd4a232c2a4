"""What a plan will do, before it does it: cells, iterations, bytes, and the reason for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmdet_multimix.checks import count_images, dataset_leaves
from mmdet_multimix.utils.registered import class_name

from .building import build_model
from .experiment_file import many
from .overrides import as_values, read_config
from .plan import Cell, Plan


@dataclass
class Part:
    """Cells of one kind that train equally long.

    Attributes:
        length: What the config says: `'300 epochs'`.
        iterations: Of one cell; None where the number of images is not known.
        cells: How many there are.
        done: How many of them are done.
        size: Bytes of the checkpoints that all of them leave.
        configs: Which they train.
    """

    length: str
    iterations: int | None
    cells: int
    done: int
    size: int
    configs: set[str]


def estimate(plan: Plan, counts: Mapping[str, int] | None = None) -> dict[tuple, Part]:
    """The parts of a plan, by kind and length.

    Args:
        plan: The plan.
        counts: Numbers of images of sets that may not be there, by annotation file or folder.
    """
    alike: dict[tuple, list[Cell]] = {}
    for cell in plan.cells.values():
        if cell.length:
            counted = [item for item in cell.first_options.items() if item[0].startswith('train_')]
            alike.setdefault((cell.kind, cell.config, cell.length, *sorted(counted)), []).append(cell)
    parts: dict[tuple, Part] = {}
    for (kind, config, *_), cells in alike.items():
        cfg = read_config(config, as_values(cells[0].first_options))
        length, iterations = _length(cfg, dict(counts or {}))
        part = parts.setdefault((kind, length, iterations), Part(length, iterations, 0, 0, 0, set()))
        part.cells += len(cells)
        part.done += sum(plan.result_file(cell.name).exists() for cell in cells)
        part.size += checkpoint_bytes(cfg) * len(cells)
        part.configs.add(config)
    return parts


def describe(plan: Plan, about: str, counts: Mapping[str, int] | None = None) -> str:
    """The plan as text; `about` says what the experiment is, `counts` is as for :func:`estimate`."""
    parts = estimate(plan, counts)
    lines = []
    for (kind, *_), part in parts.items():
        long = [part.length] if part.length else []
        long.append('iterations unknown without the data')
        if part.iterations is not None:
            long[-1] = f'{part.iterations:,} iterations'
        lines.append(
            f'{kind}: {many(part.cells, "cell")} of {many(len(part.configs), "config")} ({part.done} done), '
            f'each {", ".join(long)}; {_bytes(part.size)}'
        )
    left = [p.iterations * (p.cells - p.done) for p in parts.values() if p.iterations is not None]
    unknown = ' and those that are unknown without the data' if len(left) < len(parts) else ''
    size = _bytes(sum(part.size for part in parts.values()))
    to_do = f'to do: {sum(left):,} iterations{unknown}; checkpoints: {size} in {plan.root}'
    return '\n'.join([about, '', *lines, '', to_do])


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
            reasons[name] = 'its config, options, measures or data have changed'
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


def checkpoint_bytes(cfg: Config) -> int:
    """Bytes of all checkpoints that a run leaves: weights, statistics and the optimizer's state."""
    model = build_model(cfg)
    learnt = sum(value.nbytes for value in model.parameters())
    kept = sum(value.nbytes for value in model.state_dict().values())
    optimizer = cfg.optim_wrapper.get('optimizer') or {}
    states = 2 if 'Adam' in class_name(optimizer.get('type')) else int(optimizer.get('momentum', 0) > 0)
    hook = (cfg.get('default_hooks') or {}).get('checkpoint', {'interval': 1})  # a Runner's own
    if hook is None:
        return 0
    length = cfg.train_cfg.get('max_iters') or cfg.train_cfg.max_epochs
    interval = hook.get('interval', -1)  # of which the last one is left
    files = math.ceil(length / interval) if interval > 0 else 1
    if 0 < hook.get('max_keep_ckpts', -1) < files:
        files = hook['max_keep_ckpts']
    return (kept + states * learnt) * (files + bool(hook.get('save_best')))


def _bytes(size: float) -> str:
    for scale, unit in ((1e12, 'TB'), (1e9, 'GB'), (1e6, 'MB')):
        if size >= scale:
            return f'{size / scale:.3g} {unit}'
    return f'{size / 1e3:.3g} kB'
