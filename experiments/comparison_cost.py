"""What a training step of every method costs, on the model and the batch of the experiment."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner
from torch.utils.data import default_collate

from .benchmark.measure import interleaved, machine, peak_memory, summary
from .comparison import Comparison
from .comparison_cells import choice, step_of
from .comparison_report import COST_FILE
from .overrides import read_config
from .plan import write_json


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
    try:
        cost = measure_cost(comparison, chosen, repetitions)
    except RuntimeError as error:
        sys.exit(str(error))
    write_json(root / COST_FILE, cost)
    for name, entry in cost['methods'].items():
        seconds = entry['seconds']['median']
        print(f'{name} ({entry["candidate"]}): {seconds:.4f} s, {entry["time"]:.2f}x; {entry["memory"]:.2f}x')
    print(f'wrote {root / COST_FILE}')


def measure_cost(comparison: Comparison, chosen: dict[str, str], repetitions: int) -> dict[str, Any]:
    """Time and peak memory of a step of every method, relative to the first.

    The times of all methods are taken in one process, in turn; a ratio is the median over the turns, as the
    speed of a machine drifts by more than what is measured. Of memory see :func:`peak_memory`.

    Args:
        comparison: The experiment.
        chosen: The candidate of every method that is measured, by name.
        repetitions: Of every method.

    Returns:
        What `cost.json` holds; times in seconds, memory in bytes, `time` and `memory` relative.

    Raises:
        RuntimeError: A training step failed; the message names its config.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    count = max(comparison.images_per_class)
    cells = {cell.method.name: cell for cell in comparison.cells() if cell.images_per_class == count}
    options = {name: comparison.cell_options(cells[name], chosen[name]) for name in comparison.methods}
    methods: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, method in comparison.methods.items():
            given = (method.config, options[name], Path(folder))
            try:
                peak = peak_memory(training_step, given, (*given, 2), device)
            except Exception as error:
                raise RuntimeError(f'{method.config}: a training step failed: {error}') from error
            print(f'memory of {name}: {peak / 2**20:.1f} MiB', flush=True)
            of = step_of(comparison, method, chosen[name])
            methods[name] = {'candidate': chosen[name], 'of': of, 'bytes': peak}
        print('time of all methods, in turn ...', flush=True)
        steps = {
            name: training_step(method.config, options[name], Path(folder))
            for name, method in comparison.methods.items()
        }
        times = interleaved(steps, device, repetitions)
    first = comparison.baseline.name
    for name, values in times.items():
        ratios = summary(values / times[first])
        methods[name] |= {'seconds': summary(values), 'ratios': ratios, 'time': ratios['median']}
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
