"""Reads checkpoint files safely, whatever wrote them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .allowed import allow_checkpoint_globals
from .restricted_unpickler import restricted_unpickler

_CONTAINERS = ('state_dict', 'model')


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint file onto the CPU, weights only.

    Args:
        path: A local file: a training checkpoint of mmengine, an exported backbone, or a state dict; also
            one of safetensors.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is an address, no checkpoint, or holds objects that only an unsafe load would
            read.
    """
    if '://' in str(path):
        raise ValueError(f'checkpoint {path!r} is an address; download it and give the local file')
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {str(path)!r} does not exist')
    if is_safetensors(path):
        return _read_safetensors(path)
    try:
        checkpoint = load_file(path, 'cpu')
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'checkpoint {str(path)!r} is damaged or holds more than weights, and is not loaded unsafely. '
            f'Save its state_dict alone with torch.save. ({str(error).splitlines()[0]})'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'checkpoint {str(path)!r} cannot be read as a torch file: {error}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {str(path)!r} holds a {type(checkpoint).__name__}, not a state dict')
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
        raise ValueError(f'checkpoint {str(path)!r} needs safetensors: pip install safetensors') from error
    try:
        return safetensors.load_file(path, device='cpu')
    except Exception as error:  # a class of the library's own, which is no public name in all of its versions
        raise ValueError(f'checkpoint {str(path)!r} cannot be read as safetensors: {error}') from error


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


def state_dict_of(checkpoint: dict) -> dict[str, Tensor]:
    """The flat parameters in a checkpoint.

    These are the weights that the run evaluated: under mmengine's EMA hook the averaged ones.
    """
    for name in _CONTAINERS:
        if isinstance(checkpoint.get(name), dict):
            checkpoint = checkpoint[name]
            break
    return {key: value for key, value in checkpoint.items() if isinstance(value, Tensor)}
