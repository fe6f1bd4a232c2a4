"""Whether a text file is in the encoding that mmdet reads."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 2**26  # bytes of which the encoding is looked at; of a longer file only the mark


def check_encoding(path: Path) -> Iterator[str]:
    """Look for what editors of Windows write: a byte order mark, UTF-16, or a code page.

    Args:
        path: A list, a file of names or one of JSON, which exists.

    Yields:
        A line if mmdet would read something else than it says, or nothing.
    """
    with path.open('rb') as file:
        content = file.read(_LONGEST)
        is_whole = not file.read(1)
    if content.startswith(BOM_UTF8):
        yield f'{path} begins with a byte order mark, which mmdet takes for text. Save it without one'
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        if is_whole:
            yield f'{path} is not in UTF-8, in which mmdet reads it ({error.reason}). Save it as that'
