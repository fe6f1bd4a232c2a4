"""Exports the backbone of a training checkpoint for detectors."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from ..ops.checks import check_flag
from ..utils.files import check_new_file, whole_file
from ..utils.one_line import InputError
from .loading import what_it_holds
from .normalisation import KEY, preprocessor_of
from .reading import meta_of, read_checkpoint, state_dict_of

PREFIXES = ('backbone.', 'module.backbone.')


def publish_backbone(source: str | Path, target: str | Path, force: bool = False) -> int:
    """Write the backbone of a training checkpoint to a file, under the backbone's own names.

    Args:
        source: Training checkpoint. The weights that the run evaluated are taken: the averaged ones of EMA.
        target: File to write.
        force: Whether to replace it if it exists.

    Returns:
        The number of tensors written.

    Raises:
        ValueError: The target exists, or the source holds no backbone.
    """
    check_flag('force', force)
    check_new_file('OUT', target, force)
    checkpoint = read_checkpoint(source)
    state = state_dict_of(checkpoint)
    for prefix in PREFIXES:
        found = {key[len(prefix) :]: value.clone() for key, value in state.items() if key.startswith(prefix)}
        if found:
            break
    else:
        raise InputError(
            f'{source} holds no backbone: no name starts with {PREFIXES[0]}; {what_it_holds(checkpoint)}'
        )
    meta = meta_of(checkpoint)
    kept = {
        name: meta[name]
        for name in ('epoch', 'iter', 'seed', 'experiment_name', 'dataset_meta')
        if name in meta
    }
    if preprocessor := preprocessor_of(meta):
        kept[KEY] = preprocessor
    content = io.BytesIO()  # torch turns the error of a full disk into one of its own
    torch.save({'meta': kept, 'state_dict': found}, content)
    with whole_file(target) as file:
        file.write(content.getbuffer())
    return len(found)
