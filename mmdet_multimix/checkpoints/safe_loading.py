"""Keeps checkpoints from running code in a process, whoever asks for them and wherever they lie.

:func:`read_checkpoint` is what this package itself reads with. mmengine, and through it mmdet and mmcv, has
loaders of its own: for ``load_from``, ``resume``, ``Pretrained`` in an ``init_cfg``, and addresses. Three
things in them run what a file says:

* mmengine's fork loads a file unsafely where a safe load fails, and both stacks load addresses so.
* The fork's safe load allows the real ``getattr``, through which a file reaches ``exec``.
* Resuming executes ``meta['config']``, a text that any file of tensors may hold, as a config.
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import re
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from ..utils.one_line import InputError
from .allowed import allow_checkpoint_globals
from .reading import is_safetensors, load_file, read_checkpoint, why_unreadable
from .restricted_unpickler import use_restricted_unpickler

# torch's own switches: `torch.load` looks at them in each call, and so do processes that this one starts.
_ALWAYS_SAFE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
_NEVER_SAFE = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
_ON = ('1', 'y', 'yes', 'true')
# A list of numbers or a range, and so nothing that does anything when it is executed.
_GPU_IDS = re.compile(r'^gpu_ids = (\[[0-9, ]*\]|range\([0-9]+(, [0-9]+)?\))$', re.MULTILINE)


class UnsafeCheckpointError(InputError):
    """A checkpoint that is not loaded, and why."""


def load_weights_only() -> None:
    """Makes every load of a checkpoint in this process, and in those that it starts, weights-only.

    What cannot be read so is refused with the reason. The tools call it first. Importing the package does
    not: in somebody else's process it is for them to say which of their files they trust.
    """
    if os.environ.pop(_NEVER_SAFE, '0') in _ON:
        print_log(f'{_NEVER_SAFE} is ignored: checkpoints are read weights-only', level=logging.WARNING)
    os.environ[_ALWAYS_SAFE] = '1'
    use_restricted_unpickler()
    if hasattr(mmengine_checkpoint, '_safe_torch_load'):  # the fork's
        mmengine_checkpoint._safe_torch_load = _load
    current = CheckpointLoader.load_checkpoint.__func__
    if not hasattr(current, '__wrapped__'):
        CheckpointLoader.load_checkpoint = classmethod(_guarded(current))


def _load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
    """Stands in for the loader of mmengine's fork, which falls back to an unsafe load."""
    return load_file(file, map_location)


def _guarded(load: Any) -> Any:
    @functools.wraps(load)
    def load_checkpoint(cls: type, filename: str, map_location: Any = None, logger: Any = 'current') -> Any:
        if is_safetensors(filename) and '://' not in filename:
            return read_checkpoint(filename)
        allow_checkpoint_globals()  # upstream reads with whatever torch's list holds at the moment
        try:
            checkpoint = load(cls, filename, map_location, logger)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise UnsafeCheckpointError(_reason(filename, error)) from error
        return without_code(checkpoint)

    return load_checkpoint


def _reason(filename: str, error: Exception) -> str:
    path = Path(filename).expanduser()
    if path.is_file():
        try:
            read_checkpoint(path)
        except ValueError as ours:
            return str(ours)
    return why_unreadable(filename, error)


def without_code(checkpoint: Any) -> Any:
    """Takes the text that resuming would execute out of a checkpoint.

    Files of mmdet 2 hold their config as ``meta['config']``. mmengine executes it for the sake of
    ``gpu_ids``, by whose number it tells whether a resumed run has as many GPUs. That list alone is kept.

    Args:
        checkpoint: What a file holds; changed in place.

    Returns:
        The same.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict) and 'config' in meta:
        gpu_ids = _GPU_IDS.search(str(meta.pop('config')))
        if gpu_ids:
            meta['config'] = gpu_ids[0]
    return checkpoint
