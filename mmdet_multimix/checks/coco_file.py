"""Reads annotation files in COCO's format, without parsing hundreds of megabytes."""

from __future__ import annotations

import contextlib
import functools
import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

READ_WHOLE = 2**26  # bytes of JSON, a second; COCO's training set would take ten and 3 GB of memory
_LIST = re.compile(rb'"categories"\s*:\s*(\[)')


def is_small(path: Path) -> bool:
    """Whether a file is read whole in a second."""
    return path.stat().st_size < READ_WHOLE


@functools.lru_cache(maxsize=2)
def read(path: Path, encoding: str = 'utf-8') -> dict[str, Any]:
    """Parse a file. The last two are kept until :func:`forget`.

    Args:
        path: The file.
        encoding: By default that of mmdet, which reads no file with a byte order mark.

    Raises:
        ValueError: It is no JSON, has no list of images, or its annotations are no list.
    """
    coco = json.loads(path.read_text(encoding=encoding))
    if isinstance(coco, dict):
        coco.setdefault('annotations', [])  # test and unlabelled images have none, and pycocotools reads them
    for key, needed in (('images', ('id', 'file_name')), ('annotations', ('id', 'image_id', 'category_id'))):
        entries = coco.get(key) if isinstance(coco, dict) else None
        if not isinstance(entries, list):
            raise ValueError(f'it has no list of {key}')
        for number, entry in enumerate(entries):
            lacking = [name for name in needed if not isinstance(entry, dict) or name not in entry]
            if lacking:
                raise ValueError(f'{key}[{number}] has no {lacking[0]!r}')
    return coco


def forget() -> None:
    """Give back the memory of the files that were read."""
    read.cache_clear()


def count(path: Path) -> int:
    """Count the images that the annotations list, by their names or, as LVIS has it, by their addresses."""
    with _mapped(path) as text:
        return len(re.findall(b'"file_name"', text)) or len(re.findall(b'"coco_url"', text))


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """The content of a file, of which no more is read than is looked at."""
    with path.open('rb') as file:
        if not path.stat().st_size:  # which cannot be mapped
            yield b''
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield text


def mentions(path: Path, key: str) -> bool:
    """Whether any entry of a file has a key."""
    with _mapped(path) as text:
        return text.find(f'"{key}"'.encode()) >= 0


def categories(path: Path, by_id: bool) -> list[str] | None:
    """Read the category names of a file in their order.

    Args:
        path: The file.
        by_id: Whether in the order of their ids instead.

    Returns:
        None where the file is not laid out like COCO's.
    """
    if not is_small(path):
        found = _listed_categories(path, by_id)
        if len(found) == 1:
            return found[0]
    try:
        return _names(json.loads(path.read_text(encoding='utf-8'))['categories'], by_id)
    except (ValueError, KeyError, TypeError):
        return None


def _listed_categories(path: Path, by_id: bool) -> list[list[str]]:
    """All lists in the file that could be that of the categories."""
    found = []
    with _mapped(path) as text:
        for match in _LIST.finditer(text):
            end = text.find(b']', match.start(1))
            try:
                found.append(_names(json.loads(text[match.start(1) : end + 1]), by_id))
            except (ValueError, KeyError, TypeError):
                return []  # categories with lists of their own (keypoints): take the long way
    return found


def _names(entries: list[dict[str, Any]], by_id: bool) -> list[str]:
    if not isinstance(entries, list):
        raise TypeError('no list')
    entries = sorted(entries, key=lambda entry: entry['id']) if by_id else entries
    return [entry['name'] for entry in entries if entry['id'] is not None]
