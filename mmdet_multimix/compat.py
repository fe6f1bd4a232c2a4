"""Checks the OpenMMLab stack at import, and mends what this package needs from it.

Two stacks provide the same import names: the upstream trio (mmengine, mmcv, mmdet) and its maintained
fork (onedl-mmengine, onedl-mmcv, onedl-mmdetection). Neither can be a hard dependency. So this module looks
for them, and says what to install, before mmdet fails deep inside.
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
    """Check that mmengine, mmcv with its compiled ops, and mmdet can be imported in a supported version.

    Raises:
        ImportError: One is missing or too old; the message says what to install.
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
    """Let mmdet's ``SSDHead`` predict.

    The head has no ``loss_cls``, but the prediction code that it inherits reads one. So it trains, and raises
    an AttributeError in its first validation. That code takes None for a loss without custom channels.
    """
    from mmdet.models.dense_heads import SSDHead

    if not hasattr(SSDHead, 'loss_cls'):
        SSDHead.loss_cls = None


def _history_method(owner: type, name: str) -> object:
    """Look up one of the four statistics of a ``HistoryBuffer``, in place of ``getattr``.

    A pickled ``HistoryBuffer`` names them through ``getattr``. The real one would let a file reach into
    everything else that is loaded.
    """
    from mmengine.logging import HistoryBuffer

    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(owner, name)
    raise UnpicklingError(f'a checkpoint may not ask for {name!r} of {owner!r}')


def allow_checkpoint_globals() -> None:
    """Let torch's weights-only loader, the default since torch 2.6, read mmengine's own checkpoints.

    Beside tensors and plain containers these hold the log history of the message hub: ``HistoryBuffer``
    objects with NumPy arrays. Upstream mmengine does not register these classes, so resuming fails there.
    Registering them here mends that. Safe loading stays on.
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
