"""Clock and memory: medians over interleaved repetitions, and a peak per contestant."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch

MODES = ('fp32', 'tf32', 'bf16')


@contextlib.contextmanager
def precision(mode: str, device: str) -> Iterator[None]:
    """Compute in float32, with TF32 products, or under bfloat16 autocast."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('high' if mode == 'tf32' else 'highest')
    try:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mode == 'bf16'):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def seconds(step: Callable[[], Any], device: str) -> float:
    """Time of one step, by CUDA events where there is a device."""
    if device == 'cpu':
        start = time.perf_counter()
        step()
        return time.perf_counter() - start
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    step()
    events[1].record()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1]) / 1000


def interleaved(
    steps: dict[Any, Callable[[], Any]], device: str, repetitions: int, warmup: int = 2
) -> dict[Any, pd.Series]:
    """Times of every step in seconds, all of them once in every repetition, in turn."""
    times: dict[Any, list[float]] = {name: [] for name in steps}
    for turn in range(warmup + repetitions):
        for name, step in steps.items():
            elapsed = seconds(step, device)
            if turn >= warmup:
                times[name].append(elapsed)
    return {name: pd.Series(values) for name, values in times.items()}


def summary(values: pd.Series) -> dict[str, float]:
    """Median and quartiles."""
    return dict(median=values.median(), q1=values.quantile(0.25), q3=values.quantile(0.75))


def peak_memory(build: Callable[..., Callable[[], Any]], given: tuple, small: tuple, device: str) -> int:
    """Bytes that a step needs at its peak, beyond what is there before it.

    On the CPU a process of its own measures, so that no contestant profits from what another left behind.

    Args:
        build: A function of a module; it builds the step.
        given: Its arguments.
        small: Its arguments for a quick step, which loads the libraries first.
        device: `cpu` or `cuda`.
    """
    if device == 'cpu':
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            return pool.submit(_peak_here, build, given, small).result()
    step = build(*given)
    step()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - before


def _peak_here(build: Callable[..., Callable[[], Any]], given: tuple, small: tuple) -> int:
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        build(*small)()
        return peak_of(build(*given))


def peak_of(step: Callable[[], Any]) -> int:
    """Bytes of resident memory that a step needs at its peak, beyond what this process has before it."""
    before = _resident()
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')  # Linux: forget the peak so far
    step()
    return max(0, _peak() - before)


def _resident() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def _peak() -> int:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM'):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine(device: str, seed: int) -> dict[str, Any]:
    """What the figures depend on."""
    return dict(
        device=torch.cuda.get_device_name() if device != 'cpu' else _cpu_name(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        load_average=round(os.getloadavg()[0], 2),
        system=platform.platform(terse=True),
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda if device != 'cpu' else None,
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        seed=seed,
    )


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()
