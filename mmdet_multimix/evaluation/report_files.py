"""How reports are written: whole or not at all, in strict JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ..utils.files import write_text
from .calibration import Reliability


def write_report_files(folder: Path, report: dict[str, Any], page: str) -> list[Path]:
    """Write ``report.json`` and ``report.md``; NaN is null there, as JSON knows no NaN."""
    texts = {
        'report.json': json.dumps(without_nan(report), indent=2, allow_nan=False) + '\n',
        'report.md': page,
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def without_nan(value: Any) -> Any:
    """The same with None for every NaN in dicts and lists."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def facts_as_list(facts: dict[str, Any]) -> list[str]:
    """What a report is of, as the lines of a list."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ', '.join(f'{key} {text}' for key, text in value.items())
        if value is not None:
            lines.append(f'- {name}: {value}')
    return lines


def bins_as_rows(bins: Reliability, count: str = 'images', value: str = 'accuracy') -> list[dict[str, float]]:
    """Bins of a reliability diagram, a dict each."""
    names = ('from', 'to', count, 'confidence', value)
    columns = (bins.edges[:-1], bins.edges[1:], bins.counts.long(), bins.confidence, bins.accuracy)
    return [dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns), strict=True)]
