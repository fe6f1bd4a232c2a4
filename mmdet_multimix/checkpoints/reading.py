"""Reads checkpoint files safely, whatever wrote them."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..utils.one_line import InputError
from .allowed import allow_checkpoint_globals
from .restricted_unpickler import restricted_unpickler

_GLOBAL = re.compile(r'GLOBAL ([\w.]+)')  # in torch's message, what a file asks for


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint file onto the CPU, weights only.

    Args:
        path: A local file: a training checkpoint of mmengine, an exported backbone, or a state dict; also
            one of safetensors.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        InputError: The file is an address, no checkpoint, or holds objects that only an unsafe load would
            read.
    """
    if '://' in str(path):
        raise InputError(f'checkpoint {path!r} is an address; download it and give the local file')
    path = os.path.expanduser(path)  # as mmengine does
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {str(path)!r} does not exist')
    if is_safetensors(path):
        return _read_safetensors(path)
    try:
        checkpoint = load_file(path, 'cpu')
    except Exception as error:  # bytes that are no pickle may be read as anything
        raise InputError(why_unreadable(path, error)) from error
    if not isinstance(checkpoint, dict):
        raise InputError(f'checkpoint {str(path)!r} holds a {type(checkpoint).__name__}, not a state dict')
    state = checkpoint.get('state_dict', {})
    if not isinstance(state, dict):
        raise InputError(f'checkpoint {str(path)!r}: its state_dict is a {type(state).__name__}, not a dict')
    return checkpoint


def is_safetensors(path: str | Path) -> bool:
    """Whether a name is that of a file of safetensors.

    Args:
        path: The name.
    """
    return str(path).endswith('.safetensors')


def _read_safetensors(path: str | Path) -> dict[str, Tensor]:
    try:
        from safetensors import torch as safetensors
    except ImportError as error:
        raise InputError(f'checkpoint {str(path)!r} needs safetensors: pip install safetensors') from error
    try:
        return safetensors.load_file(path, device='cpu')
    except Exception as error:  # a class of the library's own, which is no public name in all of its versions
        raise InputError(f'checkpoint {str(path)!r} cannot be read as safetensors: {error}') from error


def load_file(file: Any, map_location: Any) -> Any:
    """``torch.load``, weights only.

    Args:
        file: As for ``torch.load``.
        map_location: Likewise.
    """
    # Not only once at import: mmengine's fork takes classes off torch's list again after each load.
    allow_checkpoint_globals()
    with restricted_unpickler():
        return torch.load(file, map_location=map_location, weights_only=True)


def why_unreadable(path: str | Path, error: Exception) -> str:
    """Say why a file is no checkpoint. Torch's advice to trust it is not repeated.

    Args:
        path: A file that could not be read, weights only.
        error: What reading it raised.
    """
    start = f'checkpoint {str(path)!r}'
    head = _head_of(path)
    if head == b'':
        return f'{start} is empty'
    if head is not None and _begins_as_safetensors(path, head):
        return f'{start} is in the format of safetensors, not of torch: let its name end in .safetensors'
    if isinstance(error, pickle.UnpicklingError):
        asked = _GLOBAL.search(str(error))
        what = f'holds more than weights ({asked[1]})' if asked else 'is damaged or holds more than weights'
        return f'{start} {what}, and is not loaded unsafely. Save its state_dict alone with torch.save'
    said = str(error).strip().splitlines()
    reason = f'{type(error).__name__}: {said[0]}' if said else type(error).__name__
    return f'{start} cannot be read as a torch file, it is cut off or no checkpoint: {reason}'


def _head_of(path: str | Path) -> bytes | None:
    try:
        with open(path, 'rb') as file:
            return file.read(9)
    except OSError:
        return None


def _begins_as_safetensors(path: str | Path, head: bytes) -> bool:
    """Whether a file begins with the length of a header in JSON."""
    length = int.from_bytes(head[:8], 'little')
    return head[8:] == b'{' and 2 <= length <= Path(path).stat().st_size


def meta_of(checkpoint: dict) -> dict:
    """What a checkpoint says of the run that wrote it; nothing where it does not."""
    meta = checkpoint.get('meta')
    return meta if isinstance(meta, dict) else {}


def weights_of(checkpoint: dict) -> dict:
    """The part of a checkpoint that has the weights, all of it where no part is named so."""
    parts = (checkpoint.get(name) for name in ('state_dict', 'model'))
    return next((part for part in parts if isinstance(part, dict)), checkpoint)


def state_dict_of(checkpoint: dict) -> dict[str, Tensor]:
    """The flat parameters in a checkpoint.

    These are the weights that the run evaluated: under mmengine's EMA hook the averaged ones.
    """
    return {key: value for key, value in weights_of(checkpoint).items() if isinstance(value, Tensor)}
