"""Models built without memory for their parameters: names, shapes, and whether they can be built at all."""

from __future__ import annotations

import copy
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from torch import nn

from ..utils.registered import use_scope_of


def build_shapes(cfg: Config, node: dict[str, Any]) -> nn.Module:
    """A model, or a part of one, whose parameters take neither memory nor random numbers.

    Args:
        cfg: The config that it is of.
        node: The part, such as ``cfg.model``. It stays as it is.

    Raises:
        Exception: Whatever the model raises while it is built: also where it computes something then, for
            which it needs its memory.
    """
    use_scope_of(cfg)
    with torch.random.fork_rng(devices=[]), torch.device('meta'):
        return MODELS.build(copy.deepcopy(node))
