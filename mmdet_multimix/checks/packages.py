"""Packages that types of mmdet ask for when they are built, which may be after a training."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from mmdet.datasets import LVISV05Dataset
from mmdet.evaluation import LVISMetric

from ..utils.registered import is_a

# LVISV1Dataset is derived from LVISV05Dataset.
_NEEDED = {LVISV05Dataset: 'lvis', LVISMetric: 'lvis'}


def check_packages(kind: Any) -> Iterator[str]:
    """Look for the packages that a data set or a metric needs and mmdet does not bring along.

    Args:
        kind: Its class; None where that is not known.

    Yields:
        A line for each that is not installed.
    """
    for base, package in _NEEDED.items():
        if is_a(kind, base) and importlib.util.find_spec(package) is None:
            what = f'{kind.__name__} needs the package {package}'
            yield f'{what}, which is not installed: pip install {package}'
