"""What a training step of every method costs, on the model and the batch of the experiment."""

from __future__ import annotations

import contextlib
import json
import logging
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner
from torch.utils.data import default_collate

from mmdet_multimix.utils.progress import Progress

from .benchmark.measure import interleaved, machine, peak_of, summary
from .comparison import Comparison
from .comparison_cells import choice
from .overrides import read_config
from .plan import write_json

_MODULE = 'experiments.comparison_cost'
COST_FILE = 'cost.json'


def write_cost(
    comparison: Comparison, root: Path, results: dict[str, dict[str, Any]], repetitions: int
) -> None:
    """Measures the chosen candidates, the first ones where none is chosen yet, and writes `cost.json`.

    Args:
        comparison: The experiment.
        root: The work dir.
        results: Of the cells that are done, by name.
        repetitions: Of every method.

    Raises:
        SystemExit: A training step failed.
    """
    chosen = {
        name: choice(comparison, method, results) or next(iter(method.candidates))
        for name, method in comparison.methods.items()
    }
    with Progress(len(chosen) + 1) as progress:
        try:
            cost = measure_cost(comparison, chosen, progress, repetitions)
        except RuntimeError as error:
            sys.exit(str(error))
    write_json(root / COST_FILE, cost)
    for name, entry in cost['methods'].items():
        seconds = entry['seconds']['median']
        print(f'{name} ({entry["candidate"]}): {seconds:.4f} s, {entry["time"]:.2f}x; {entry["memory"]:.2f}x')
    print(f'wrote {root / COST_FILE}')


def measure_cost(
    comparison: Comparison, chosen: dict[str, str], progress: Progress, repetitions: int
) -> dict[str, Any]:
    """Time and peak memory of a step of every method, relative to the first.

    The times of all methods are taken in one process, in turn; a ratio is the median over the turns, as the
    speed of a machine drifts by more than what is measured. On the CPU the memory of each is measured in a
    process of its own, so that none profits from what another left behind.

    Args:
        comparison: The experiment.
        chosen: The candidate of every method that is measured, by name.
        progress: Where it is shown; a step for each method and one for all.
        repetitions: Of every method.

    Returns:
        What `cost.json` holds; times in seconds, memory in bytes, `time` and `memory` relative.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    count = max(comparison.images_per_class)
    cells = {cell.method.name: cell for cell in comparison.cells() if cell.images_per_class == count}
    options = {name: comparison.cell_options(cells[name], chosen[name]) for name in comparison.methods}
    methods: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, method in comparison.methods.items():
            progress.start(f'memory of {name}')
            peak = _peak_memory(method.config, options[name], device)
            progress.finish(f'{peak / 2**20:.1f} MiB')
            methods[name] = {'candidate': chosen[name], 'bytes': peak}
        progress.start('time')
        steps = {
            name: training_step(method.config, options[name], Path(folder))
            for name, method in comparison.methods.items()
        }
        times = interleaved(steps, device, repetitions)
        progress.finish('done')
    first = comparison.baseline.name
    for name, values in times.items():
        ratios = [a / b for a, b in zip(values, times[first], strict=True)]
        methods[name] |= {'seconds': summary(values), 'ratios': summary(ratios)}
        methods[name] |= {'time': statistics.median(ratios)}
        methods[name]['memory'] = methods[name]['bytes'] / max(methods[first]['bytes'], 1)
    batch = read_config(comparison.baseline.config, {}).train_dataloader.batch_size
    batch = comparison.options.get('train_dataloader.batch_size', batch)
    return {
        'baseline': first,
        'batch': batch,
        'repetitions': repetitions,
        'machine': machine(device, 0),
        'methods': methods,
    }


def training_step(
    config: Path, options: dict[str, Any], work_dir: Path, images: int | None = None
) -> Callable[[], None]:
    """One iteration of a training, hooks and optimizer included, always of the same batch.

    Args:
        config: Config of a classifier.
        options: Overrides.
        work_dir: For what the Runner writes.
        images: The size of the batch; None takes that of the config.
    """
    cfg = read_config(config, options)
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.visualizer.vis_backends = []
    runner = Runner.from_cfg(cfg)
    # As `Runner.train` prepares a training, of which only single iterations are wanted here.
    loop = runner.train_loop
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
    runner.call_hook('before_run')
    runner.model.init_weights()
    runner.optim_wrapper.initialize_count_status(runner.model, 0, loop.max_iters)
    runner.call_hook('before_train')
    runner.call_hook('before_train_epoch')
    runner.model.train()
    dataset = loop.dataloader.dataset
    number = images or loop.dataloader.batch_size
    batch = default_collate([dataset[index % len(dataset)] for index in range(number)])
    return lambda: loop.run_iter(0, batch)


def _peak_memory(config: Path, options: dict[str, Any], device: str) -> int:
    """Bytes a step needs at its peak beyond the model and the batch."""
    if device != 'cpu':
        with tempfile.TemporaryDirectory() as folder:
            step = training_step(config, options, Path(folder))
            step()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            step()
            return torch.cuda.max_memory_allocated() - before
    code = f'import {_MODULE} as cost; cost.print_peak({json.dumps([str(config), options])!r})'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{config}: a training step failed:\n{done.stderr[-2000:]}')
    return int(done.stdout.split()[-1])


def print_peak(order: str) -> None:
    """Print the peak memory of the first whole step of this process.

    Args:
        order: Config and overrides, as JSON.
    """
    config, options = json.loads(order)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        training_step(Path(config), options, Path(folder) / 'small', images=2)()  # load the libraries
        step = training_step(Path(config), options, Path(folder))
        peak = peak_of(step)
    print(peak)
