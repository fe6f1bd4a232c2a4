"""How the images were normalised on which the weights of a checkpoint were trained."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..utils.registered import class_name
from .reading import meta_of

KEY = 'normalisation'  # in the meta of an exported backbone
# What gives a network its images in which order of channels, unless it swaps them.
_ORDERS = {'ImgDataPreprocessor': 'RGB', 'DetDataPreprocessor': 'BGR'}
_ARGUMENTS = ('type', 'mean', 'std', 'bgr_to_rgb', 'rgb_to_bgr')
# As shares of a standard deviation: less than the difference between one set of photographs and another.
_FAR, _WIDER = 0.5, 1.5


@dataclass(frozen=True)
class Normalisation:
    """Order of channels, and of each channel in this order mean and standard deviation."""

    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        return f'{self.order}, mean={list(self.mean)}, std={list(self.std)}'

    def is_like(self, other: Normalisation) -> bool:
        """Whether weights that were trained on the one see about the same numbers with the other."""
        pairs = list(zip(self.mean, self.std, other.mean, other.std, strict=True))
        near = all(abs(mean - its) <= _FAR * max(std, own) for mean, std, its, own in pairs)
        as_wide = all(max(std, own) <= _WIDER * min(std, own) for _, std, _, own in pairs)
        return self.order == other.order and near and as_wide


def read_normalisation(preprocessor: Mapping[str, Any] | None) -> Normalisation | None:
    """The normalisation of a ``data_preprocessor`` in a config, None where it is not known.

    A classifier of this package is given RGB, a detector of mmdet BGR.

    Args:
        preprocessor: The config.
    """
    found = preprocessor or {}
    order = _ORDERS.get(class_name(found.get('type')))
    mean, std = found.get('mean'), found.get('std')
    if order is None or not _are_numbers(mean) or not _are_numbers(std):
        return None
    swapped = found.get('bgr_to_rgb') or found.get('rgb_to_bgr')
    return Normalisation(order[::-1] if swapped else order, tuple(mean), tuple(std))


def normalisation_of(checkpoint: dict) -> Normalisation | None:
    """The normalisation that a checkpoint was trained with, None where it does not tell.

    Args:
        checkpoint: What a file holds: of a training, whose config is looked at and not run, or an export.
    """
    meta = meta_of(checkpoint)
    kept = meta.get(KEY)
    return read_normalisation(kept if isinstance(kept, dict) else preprocessor_of(meta))


def preprocessor_of(meta: dict) -> dict[str, Any]:
    """What the config of a training says of its ``data_preprocessor``; nothing where it cannot be read.

    Args:
        meta: Of its checkpoint.
    """
    try:
        body = ast.parse(str(meta.get('cfg', ''))).body
    except (SyntaxError, ValueError, RecursionError):
        return {}
    given = [(node.targets[0], node.value) for node in body if isinstance(node, ast.Assign)]
    models = [value for target, value in given if isinstance(target, ast.Name) and target.id == 'model']
    found: dict[str, Any] = {}
    for call in models:
        arguments = _keywords(_keywords(call).get('data_preprocessor'))
        for name in _ARGUMENTS:
            with contextlib.suppress(ValueError):  # what is no literal is not known
                found |= {name: ast.literal_eval(arguments[name])} if name in arguments else {}
    return found


def _keywords(node: ast.AST | None) -> dict[str | None, ast.expr]:
    """The arguments of ``dict(...)``."""
    return {entry.arg: entry.value for entry in node.keywords} if isinstance(node, ast.Call) else {}


def _are_numbers(values: Any) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == 3
        and all(isinstance(value, (int, float)) for value in values)
    )
