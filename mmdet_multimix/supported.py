"""The versions that this package works with: the one table of them.

The metadata (``setup.py``) and the check at import (``compat.py``) read it, and a test holds the README to
it. Standard library only: ``setup.py`` runs this file where nothing is installed yet.
"""

from __future__ import annotations

PYTHON = ('3.10', '3.14')

# Inclusive minimum and exclusive maximum by import name. None: no maximum is known.
VERSIONS: dict[str, tuple[str, str | None]] = {
    'torch': ('2.0', None),
    'torchvision': ('0.15', None),  # 0.16 for the pretraining methods InputMixup and CutMix
    'numpy': ('1.23', '3'),
    'mmengine': ('0.10', '0.11'),
    'mmcv': ('2.0', '2.4'),
    'mmdet': ('3.1', '3.6'),
}

# What gives mmengine, mmcv and mmdet under their names: the distribution, and a maximum of its own.
STACKS: dict[str, dict[str, tuple[str, str | None]]] = {
    'onedl': {
        'mmengine': ('onedl-mmengine', None),
        'mmcv': ('onedl-mmcv', None),
        'mmdet': ('onedl-mmdetection', None),
    },
    # mmdet 3.3 refuses mmcv 2.2 when it is imported.
    'openmmlab': {'mmengine': ('mmengine', None), 'mmcv': ('mmcv', '2.2'), 'mmdet': ('mmdet', '3.4')},
}


def requirement(name: str, distribution: str | None = None, below: str | None = None) -> str:
    """A requirement as pip reads it.

    Args:
        name: A name of ``VERSIONS``.
        distribution: What gives it; by default the distribution of that name.
        below: An exclusive maximum in place of that of the table.
    """
    minimum, maximum = VERSIONS[name]
    maximum = below or maximum
    return f'{distribution or name}>={minimum}' + (f',<{maximum}' if maximum else '')


def extra(stack: str) -> list[str]:
    """The requirements of a stack.

    Args:
        stack: A name of ``STACKS``.
    """
    return [requirement(name, *which) for name, which in STACKS[stack].items()]
