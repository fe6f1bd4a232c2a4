"""Reads checkpoint files safely, whatever wrote them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from ..compat import allow_checkpoint_globals

_CONTAINERS = ('state_dict', 'model')


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint file onto the CPU, weights only.

    Args:
        path: A local file: a training checkpoint of mmengine, an exported backbone, or a state dict.

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
    # Not only once at import: mmengine's fork takes classes off torch's list again after each load.
    allow_checkpoint_globals()
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
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


def state_dict_of(checkpoint: dict) -> dict[str, Tensor]:
    """The flat parameters in a checkpoint.

    These are the weights that the run evaluated: under mmengine's EMA hook the averaged ones.
    """
    for name in _CONTAINERS:
        if isinstance(checkpoint.get(name), dict):
            checkpoint = checkpoint[name]
            break
    return {key: value for key, value in checkpoint.items() if isinstance(value, Tensor)}
