"""Mixed precision in bfloat16, on CPUs too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import BaseRoIExtractor
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner.amp import autocast
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Runs the forward pass under autocast to bfloat16; parameters, gradients and losses remain float32.

    mmengine's ``AmpOptimWrapper`` refuses CPUs, but many of them multiply matrices in bfloat16 faster. The
    loss needs no scaling: bfloat16 has the exponents of float32. The arguments are those of
    ``OptimWrapper``.

    mmcv's NMS and RoIAlign know no bfloat16, and mmdet rounds RoIs to the dtype of the maps that they are
    taken from, in bfloat16 to eight pixels at the far side of an image. So the predictions of dense heads,
    an RPN's among them, and these maps are cast to float32.
    """

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of the forward pass of a training step.

        Args:
            model: The model in training.
        """
        handles = [
            register_module_forward_pre_hook(_roi_maps),  # type: ignore[arg-type]  # torch: hooks return nothing
            register_module_forward_hook(_predictions),
        ]
        try:
            with super().optim_context(model), autocast(dtype=torch.bfloat16):
                yield
        finally:
            for handle in handles:
                handle.remove()


def _roi_maps(module: nn.Module, inputs: tuple) -> tuple | None:
    return _in_float32(inputs) if isinstance(module, BaseRoIExtractor) else None


def _predictions(module: nn.Module, inputs: tuple, outputs: Any) -> Any:
    return _in_float32(outputs) if isinstance(module, BaseDenseHead) else None


def _in_float32(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_in_float32, value))
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.bfloat16 else value
