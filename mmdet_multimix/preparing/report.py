"""What became of a data set: counts by class, and what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .cleaning import CleanSet
from .found import Found

_SHOWN = 20  # files of a kind that the text names; the JSON has all


def summary(found: Found, sets: dict[str, CleanSet], classes: Sequence[str], notes: Sequence[str]) -> dict:
    """All that is reported, for JSON.

    Args:
        found: What was read.
        sets: What is left of it.
        classes: The class names.
        notes: What the checks of a training say of it.
    """
    splits: dict[str, Any] = {}
    for name, content in sets.items():
        with_objects = {entry['image_id'] for entry in content.annotations}
        dropped: dict[str, dict[str, int]] = {}
        for (label, reason), number in sorted(content.kept.dropped.items()):
            dropped.setdefault(reason, {})[label] = number
        if content.others:
            dropped['of other classes'] = dict(content.others)
        splits[name] = dict(
            images=len(content.images),
            images_without_objects=len(content.images) - len(with_objects),
            boxes={label: content.kept.kept[label] for label in classes},
            boxes_left_out=dropped,
        )
    return dict(
        format=found.format,
        classes=list(classes),
        splits=splits,
        files_left_out=found.left_out,
        notes=[*notes],
    )


def as_json(report: dict) -> str:
    """The report as the text of a JSON file."""
    return json.dumps(report, indent=1, ensure_ascii=False).encode(errors='backslashreplace').decode() + '\n'


def as_markdown(report: dict, config: str) -> str:
    """The report as text.

    Args:
        report: The report.
        config: The lines of the config.
    """
    splits = report['splits']
    rows = [
        ('images', [split['images'] for split in splits.values()]),
        ('without objects', [split['images_without_objects'] for split in splits.values()]),
        ('boxes', [sum(split['boxes'].values()) for split in splits.values()]),
        *(
            (_cell(label), [split['boxes'][label] for split in splits.values()])
            for label in report['classes']
        ),
    ]
    lines = [f'# {len(report["classes"])} classes, read from {report["format"]}', '']
    lines += [f'| | {" | ".join(splits)} |', f'|---|{"---|" * len(splits)}']
    lines += [f'| {name} | {" | ".join(f"{number:,}" for number in numbers)} |' for name, numbers in rows]
    dropped = left_out_boxes(report)
    if dropped:
        lines += ['', '## Boxes that are left out', '', *(f'- {line}' for line in dropped)]
    if report['files_left_out']:
        lines += ['', '## Files that are left out']
        for reason, paths in report['files_left_out'].items():
            lines += ['', f'{len(paths):,} {reason}:', '', *(f'- {path}' for path in paths[:_SHOWN])]
            if len(paths) > _SHOWN:
                lines += [f'- {len(paths) - _SHOWN:,} more, in report.json']
    if report['notes']:
        lines += ['', '## Notes', '', *(f'- {note}' for note in report['notes'])]
    lines += ['', '## Pictures', '', *(f'![{split}]({split}.jpg)\n' for split in splits)]
    lines += ['## Config', '', '```python', config.rstrip(), '```']
    return '\n'.join(lines).encode(errors='backslashreplace').decode() + '\n'


def left_out_boxes(report: dict) -> list[str]:
    """A line for each split and reason."""
    lines = []
    for name, split in report['splits'].items():
        for reason, labels in split['boxes_left_out'].items():
            each = ', '.join(f'{label} {number:,}' for label, number in labels.items())
            lines.append(f'{name}: {sum(labels.values()):,} {reason} ({each})')
    return lines


def _cell(text: str) -> str:
    return text.replace('|', '\\|')
