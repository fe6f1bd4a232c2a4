"""What the reports of experiments share: means over seeds, the state of a run, and files written whole."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any


def summarise(values: list[float]) -> dict[str, Any] | None:
    """Mean, standard deviation and standard error over seeds; None of nothing."""
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    error = None if spread is None else spread / math.sqrt(len(values))
    return {'mean': statistics.mean(values), 'std': spread, 'error': error, 'values': values}


def run_state(
    name: str, config: Path, root: Path, results: dict[str, dict], failures: dict[str, str]
) -> dict[str, Any]:
    """How far a job is, and what came out; mmengine keeps its whole config in the folder."""
    state = {'folder': str(root / name), 'config': str(config)}
    if name in results:
        return {**state, 'state': 'done', **results[name]}
    if name in failures:
        return {**state, 'state': 'failed', 'message': failures[name]}
    return {**state, 'state': 'to do'}


def replace_text(path: Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + '.part')
    partial.write_text(text)
    partial.replace(path)
