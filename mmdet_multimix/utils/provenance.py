"""The code that made a result: versions of the libraries, the commit, and files that have neither."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import mmcv
import mmdet
import mmengine
import torch
import torchvision
from mmengine.config import Config
from torch import nn

from ..version import __version__

_LIBRARIES = (torch, torchvision, mmengine, mmcv, mmdet)


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that results depend on, by import name."""
    return {**{module.__name__: module.__version__ for module in _LIBRARIES}, 'mmdet_multimix': __version__}


def code_of(cfg: Config, model: nn.Module) -> list[str]:
    """What tells the code of a model from that of another day.

    Args:
        cfg: Config, whose ``custom_imports`` may bring code along.
        model: The model.

    Returns:
        The versions, and hashes of the files that define these imports, and layers that are of no library.
    """
    imports = (cfg.get('custom_imports') or {}).get('imports') or ()
    names = {*([imports] if isinstance(imports, str) else imports)}
    names |= {type(module).__module__ for module in model.modules()}
    libraries = {module.__name__ for module in _LIBRARIES}
    own = (sys.modules.get(name) for name in sorted(names) if name.partition('.')[0] not in libraries)
    files = (getattr(module, '__file__', None) for module in own)
    hashes = [
        hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if file and Path(file).is_file()
    ]
    return [*(f'{name} {version}' for name, version in versions().items()), *hashes]


def git_commit() -> str | None:
    """The commit of this package's checkout, ``-dirty`` appended where files differ; None outside of git."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / '.git').exists():
        return None  # installed below somebody else's repository
    command = ['git', '-C', str(folder), 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
