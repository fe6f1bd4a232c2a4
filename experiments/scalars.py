"""Reads what mmengine's `LocalVisBackend` logged, across the interruptions of a run."""

from __future__ import annotations

import json
from pathlib import Path


def read_scalars(work_dir: str | Path, key: str) -> list[tuple[int, float]]:
    """The values of one logged scalar.

    Args:
        work_dir: Work dir of a run; a resumed run has one folder per start in it.
        key: Name of the scalar, such as `loss` or `coco/bbox_mAP`.

    Returns:
        `(step, value)` in order of step; the latest start wins where two logged the same step.
    """
    values = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for entry in _entries(path):
            if key in entry:
                values[int(entry['step'])] = float(entry[key])
    return sorted(values.items())


def last_scalar(work_dir: str | Path, key: str) -> float:
    """The last logged value of `key`.

    Raises:
        ValueError: It was never logged.
    """
    values = read_scalars(work_dir, key)
    if not values:
        raise ValueError(f'{key!r} was never logged in {work_dir}')
    return values[-1][1]


def last_validation(work_dir: str | Path) -> dict[str, float]:
    """The metrics of the newest validation; none where it found nothing, whatever earlier ones did.

    Raises:
        ValueError: There was none.
    """
    found: dict[int, dict] = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        found |= {int(entry['step']): entry for entry in _entries(path) if 'loss' not in entry}
    if not found:
        raise ValueError(f'no validation was logged in {work_dir}')
    newest = found[max(found)]
    return {key: float(value) for key, value in newest.items() if key not in ('step', 'time', 'data_time')}


def last_iteration(work_dir: str | Path) -> dict:
    """The newest logged line of training, not of validation, or an empty dict."""
    paths = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    entries = [entry for entry in _entries(paths[-1]) if 'loss' in entry] if paths else []
    return entries[-1] if entries else {}


def logged_seconds(work_dir: str | Path) -> float:
    """Wall time of a run by its own logs: of each start, from its config to the last line of its scalars."""
    seconds = 0.0
    for scalars in Path(work_dir).glob('*/vis_data/scalars.json'):
        begun = scalars.with_name('config.py')
        if begun.exists():
            seconds += max(scalars.stat().st_mtime - begun.stat().st_mtime, 0.0)
    return seconds


def _entries(path: Path) -> list[dict]:
    entries = []
    for line in path.read_text().splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # the line that a killed run was writing
    return entries
