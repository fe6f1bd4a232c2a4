"""The classes that a checkpoint was trained on."""

from __future__ import annotations

from typing import Any

from .reading import meta_of


def classes_of(checkpoint: dict[str, Any]) -> tuple[str, ...]:
    """Read the class names that mmengine, or mmdet 2, wrote into a checkpoint.

    Args:
        checkpoint: What the file holds.

    Returns:
        The names in the order of the labels; none where the file does not tell.
    """
    meta = meta_of(checkpoint)
    data = meta.get('dataset_meta')
    for holder in (data, meta):
        for key in ('classes', 'CLASSES'):
            names = holder.get(key) if isinstance(holder, dict) else None
            if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
                return tuple(names)
    return ()
