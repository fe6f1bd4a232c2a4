"""Mixed precision in bfloat16, on CPUs too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner.amp import autocast
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Runs the forward pass under autocast to bfloat16; parameters, gradients and losses remain float32.

    mmengine's ``AmpOptimWrapper`` refuses CPUs, but many of them multiply matrices in bfloat16 faster. The
    loss needs no scaling: bfloat16 has the exponents of float32. The arguments are those of
    ``OptimWrapper``.
    """

    @contextlib.contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of the forward pass of a training step.

        Args:
            model: The model in training.
        """
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
