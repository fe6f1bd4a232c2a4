"""What a checkpoint may hold beside tensors and plain containers.

mmengine's own checkpoints carry the log history of the message hub: ``HistoryBuffer`` objects with NumPy
arrays. With a one-cycle schedule they name one of its two annealing functions. Nothing else is allowed, to
torch's weights-only loader (:func:`allow_checkpoint_globals`) or to the one that stands in for it where torch
is older than 2.6 (:mod:`.restricted_unpickler`).
"""

from __future__ import annotations

from importlib import import_module
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

# Since then `add_safe_globals` takes an object under another name than its own.
TORCH_HAS_ALLOW_LIST = torch.__version__ >= '2.6'  # torch compares them as versions
DTYPES = tuple(sorted({type(np.dtype(kind)) for kind in (*'?bBhHiIlLqQefd', 'S1', 'U1')}, key=str))


class _Named:
    """Stands for a class that a checkpoint may name, for its methods, and can neither call nor make."""

    def __init__(self, owner: type) -> None:
        self.owner = owner


ONE_CYCLE = _Named(OneCycleParamScheduler)
_METHODS: dict[type, tuple[str, ...]] = {
    HistoryBuffer: ('min', 'max', 'current', 'mean'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}


def known_method(owner: object, name: str) -> object:
    """Look up a statistic of a ``HistoryBuffer`` or the annealing of a one-cycle schedule, for ``getattr``.

    Their pickles name them through ``getattr``. The real one would let a file reach into everything else that
    is loaded.

    Args:
        owner: The class, or what stands for it.
        name: The method.

    Raises:
        UnpicklingError: It is anything else.
    """
    owner = owner.owner if isinstance(owner, _Named) else owner
    if isinstance(owner, type) and name in _METHODS.get(owner, ()):
        return getattr(owner, name)
    raise UnpicklingError(f'a checkpoint may not ask for {name!r} of {owner!r}')


def allowed_globals() -> dict[str, Any]:
    """The objects that a checkpoint may name, by the names it gives them, without torch's own."""
    # NumPy 1.26 has the name of NumPy 2's module, but not what is in it.
    new = np.lib.NumpyVersion(np.__version__) >= '2.0.0'
    core = import_module('numpy._core' if new else 'numpy.core')
    by_name: dict[str, Any] = {
        'builtins.getattr': known_method,
        'builtins.slice': slice,
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler': ONE_CYCLE,
        'numpy.dtype': np.dtype,
        'numpy.ndarray': np.ndarray,
    }
    for kind in DTYPES:
        by_name[f'{kind.__module__}.{kind.__qualname__}'] = kind
    # Each major version of NumPy writes the module's name of its own.
    for home in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        by_name |= {f'{home}.{name}': getattr(core.multiarray, name) for name in ('_reconstruct', 'scalar')}
    return by_name


def allow_checkpoint_globals() -> None:
    """Let torch's weights-only loader read mmengine's own checkpoints.

    Upstream mmengine does not register their classes, so resuming fails there with torch 2.6, which loads
    weights-only by default. Registering them here mends that. Safe loading stays on. An older torch keeps no
    such list, and is left as it is.
    """
    if TORCH_HAS_ALLOW_LIST:
        torch.serialization.add_safe_globals([(thing, name) for name, thing in allowed_globals().items()])
