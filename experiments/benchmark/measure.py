"""Clock and memory: medians over interleaved repetitions, and a peak per contestant."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from .contestants import TINY, Case, build

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
    steps: dict[str, Callable[[], Any]], device: str, repetitions: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Times of every step, all of them once in every repetition, in turn."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(warmup + repetitions):
        for name, step in steps.items():
            elapsed = seconds(step, device)
            if turn >= warmup:
                times[name].append(elapsed)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median and quartiles, in seconds."""
    if len(times) < 2:
        return dict(median=times[0], q1=times[0], q3=times[0])
    q1, median, q3 = statistics.quantiles(times, n=4, method='inclusive')
    return dict(median=median, q1=q1, q3=q3)


def peak_extra(name: str, case: Case, device: str) -> int:
    """Bytes a step needs at its peak beyond its inputs.

    On the CPU a process of its own measures, so that no contestant profits from what another left
    behind; see :func:`peak_here`.
    """
    if device != 'cpu':
        step = build(name, case, device)
        step()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    order = json.dumps([name, case.name, case.sizes])
    code = f'from experiments.benchmark.measure import peak_here; peak_here({order!r})'
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    return int(out.stdout.split()[-1])


def peak_here(order: str) -> None:
    """Print the peak of the resident memory of this process during one step, less that before it."""
    name, case_name, sizes = json.loads(order)
    build(name, TINY, 'cpu')()  # load the libraries
    step = build(name, Case(case_name, **sizes), 'cpu')
    print(peak_of(step))


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
