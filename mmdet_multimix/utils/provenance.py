"""The versions of the libraries and the commit of the code that made a result."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mmcv
import mmdet
import mmengine
import torch
import torchvision

from ..version import __version__


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that results depend on, by import name."""
    modules = (torch, torchvision, mmengine, mmcv, mmdet)
    return {**{module.__name__: module.__version__ for module in modules}, 'mmdet_multimix': __version__}


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
