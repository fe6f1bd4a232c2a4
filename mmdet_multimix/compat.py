"""What this package needs from the OpenMMLab stack, checked once at import.

Two stacks provide the same import names: the upstream trio (mmengine, mmcv, mmdet) and its maintained
fork (onedl-mmengine, onedl-mmcv, onedl-mmdetection). Neither can be a hard dependency, so what is
missing is said here instead of by a traceback from deep inside mmdet.
"""

from __future__ import annotations

import importlib
from pickle import UnpicklingError

INSTALL_HINT = (
    'Install one of the two stacks this package works with, torch first:\n'
    '  pip install "torch>=2.6" torchvision "setuptools>=77,<81" wheel ninja\n'
    '  pip install --no-build-isolation "mmdet_multimix[onedl]"      # maintained fork, recommended\n'
    '  pip install --no-build-isolation "mmdet_multimix[openmmlab]"  # upstream\n'
    'mmcv compiles its ops only if it sees torch while it is built, hence --no-build-isolation.'
)

# Inclusive minimum, exclusive maximum, per import name.
SUPPORTED_VERSIONS = {
    'mmengine': ('0.10.4', '0.11.0'),
    'mmcv': ('2.0.0', '3.0.0'),
    'mmdet': ('3.1.0', '4.0.0'),
}


def check_stack() -> None:
    """Checks that mmengine, mmcv with its compiled ops, and mmdet can be imported in a supported version.

    Raises:
        ImportError: naming what is missing or too old, and what to install.
    """
    for name, (minimum, maximum) in SUPPORTED_VERSIONS.items():
        try:
            module = importlib.import_module(name)
        except (ImportError, AssertionError) as error:  # mmdet asserts on the versions of the others
            raise ImportError(f'mmdet_multimix needs {name}: {error}\n{INSTALL_HINT}') from error
        from mmengine.utils import digit_version

        version = module.__version__
        if not digit_version(minimum) <= digit_version(version) < digit_version(maximum):
            raise ImportError(
                f'mmdet_multimix needs {name} >= {minimum}, < {maximum}, but {version} is installed.\n'
                f'{INSTALL_HINT}'
            )
    try:
        importlib.import_module('mmcv.ops')
    except ImportError as error:
        raise ImportError(
            f'mmcv is installed without its compiled ops ({error}): it was built where torch could not be '
            f'seen. Uninstall it and build it again.\n{INSTALL_HINT}'
        ) from error


def complete_ssd_head() -> None:
    """Lets mmdet's `SSDHead` predict.

    It computes its loss without a `loss_cls` and has none, but the prediction code that it inherits reads
    one: the head trains, and raises an AttributeError in its first validation. None is what that code takes
    for a loss without custom channels.
    """
    from mmdet.models.dense_heads import SSDHead

    if not hasattr(SSDHead, 'loss_cls'):
        SSDHead.loss_cls = None


def _history_method(owner: type, name: str) -> object:
    """Stands in for `getattr`, with which a pickled `HistoryBuffer` names its four statistics.

    The real `getattr` would let a file reach into whatever else may be loaded.
    """
    from mmengine.logging import HistoryBuffer

    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(owner, name)
    raise UnpicklingError(f'a checkpoint may not ask for {name!r} of {owner!r}')


def allow_checkpoint_globals() -> None:
    """Lets torch's weights-only loader, the default since torch 2.6, read mmengine's own checkpoints.

    Beside tensors and plain containers these hold the log history of the message hub: `HistoryBuffer`
    objects with NumPy arrays. Upstream mmengine calls `torch.load` without saying that it trusts them, so
    that resuming fails there. Registering the few classes mends that; safe loading stays on.
    """
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    dtypes = {type(np.dtype(kind)) for kind in (*'?bBhHiIlLqQefd', 'S1', 'U1')}
    allowed = [HistoryBuffer, slice, np.ndarray, np.dtype, *dtypes]
    # Each major version of NumPy writes the module's name of its own.
    for home in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(getattr(multiarray, name), f'{home}.{name}') for name in ('_reconstruct', 'scalar')]
    torch.serialization.add_safe_globals([*allowed, (_history_method, 'builtins.getattr')])
