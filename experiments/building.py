"""Models of configs, built without memory for their parameters: what they hold, and whether they can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmdet.registry import MODELS
from mmengine.config import Config
from torch import nn

from mmdet_multimix.checks.hooks import check_hook_arguments
from mmdet_multimix.checks.shapes import build_shapes
from mmdet_multimix.checks.unread import unread_overrides

from .overrides import read_config


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, its parameters without memory or random numbers where it can be had so."""
    try:
        return build_shapes(cfg, cfg.model)
    except (RuntimeError, NotImplementedError):  # it computes something when it is built
        return MODELS.build(cfg.model)


def unbuildable(where: str, path: str | Path, options: Mapping[str, Any]) -> Iterator[str]:
    """A line for overrides that have no place in a config, or no effect, or that a part of it refuses.

    Args:
        where: What they are of, for the line.
        path: The file of the config.
        options: The overrides.
    """
    try:
        cfg = read_config(path, options)
        lines = [*unread_overrides(cfg, options), *check_hook_arguments(cfg)]
        yield from (f'{where}: {line}' for line in lines)
        build_model(cfg)
    except Exception as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        yield f'{where}: {reason}'
