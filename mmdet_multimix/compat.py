"""Checks the OpenMMLab stack at import, and mends what this package needs from it.

Two stacks provide the same import names: the upstream trio (mmengine, mmcv, mmdet) and its maintained
fork (onedl-mmengine, onedl-mmcv, onedl-mmdetection). Neither can be a hard dependency. So this module looks
for them, and says what to install, before mmdet fails deep inside.
"""

from __future__ import annotations

import importlib
from typing import Any

from .supported import VERSIONS, requirement

INSTALL_HINT = (
    'Install one of the two stacks this package works with, torch first:\n'
    '  pip install torch torchvision "setuptools<81" wheel ninja\n'
    '  pip install --no-build-isolation "mmdet_multimix[onedl]"      # maintained fork, recommended\n'
    '  pip install --no-build-isolation "mmdet_multimix[openmmlab]"  # upstream\n'
    'mmcv compiles its ops only if it sees torch while it is built, hence --no-build-isolation.'
)
STACK = ('mmengine', 'mmcv', 'mmdet')


def check_stack() -> None:
    """Check that mmengine, mmcv with its compiled ops, and mmdet can be imported in a supported version.

    Raises:
        ImportError: One is missing or too old; the message says what to install.
    """
    for name in STACK:
        try:
            module = importlib.import_module(name)
        except (ImportError, AssertionError) as error:  # mmdet asserts on the versions of the others
            raise ImportError(f'mmdet_multimix needs {name}: {error}\n{INSTALL_HINT}') from error
        from mmengine.utils import digit_version

        minimum, maximum = map(digit_version, VERSIONS[name])
        if not minimum <= digit_version(module.__version__) < maximum:
            raise ImportError(
                f'mmdet_multimix needs {requirement(name)}, but {module.__version__} is installed.\n'
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
    an AttributeError in its first validation. That code takes None for a loss without custom channels. Heads
    derived from it keep the loss that they set.
    """
    from mmdet.models.dense_heads import SSDHead

    if not hasattr(SSDHead, 'loss_cls'):
        SSDHead.loss_cls = _NoLoss()


class _NoLoss:
    """An attribute that is None unless an instance has its own; torch keeps layers apart from attributes."""

    def __get__(self, head: Any, owner: type) -> Any:
        return None if head is None else head._modules.get('loss_cls')
