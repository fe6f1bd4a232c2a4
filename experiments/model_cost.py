"""What a training costs by arithmetic: operations and memory of a model, counted on tensors without data."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from .building import build_model

SUSTAINED = 30e12  # operations a second that a GPU is taken to do in training
_IMAGES = 2  # batch norm refuses one value a channel


@dataclass(frozen=True)
class ModelCost:
    """Of one image in a training step.

    Attributes:
        macs: Multiply-adds of the forward pass.
        saved: Bytes that the backward pass needs, in float32.
        parameters: How many there are.
        learnt: How many of them learn.
    """

    macs: float
    saved: float
    parameters: int
    learnt: int

    def hours(self, images: float, factor: float = 1) -> float:
        """Hours on one GPU: a step costs three forward passes, a multiply-add is two operations."""
        return 3 * 2 * self.macs * factor * images / SUSTAINED / 3600

    def memory(self, batch: int, passes: int = 1) -> float:
        """Bytes of a step: weights, gradients and momentum, and what the backward pass needs."""
        return 4 * (self.parameters + 2 * self.learnt) + self.saved * passes * batch


def model_cost(cfg: Config, size: tuple[int, int]) -> ModelCost:
    """Counts the forward pass of a classifier or a detector, its RoIs included, without its losses.

    Args:
        cfg: The config.
        size: Height and width of an image.
    """
    model = build_model(cfg).to('meta').train()
    own = {id(value) for value in itertools.chain(model.parameters(), model.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(value: Tensor) -> Tensor:
        if id(value) not in own and id(value._base) not in own:
            kept[value.untyped_storage()._cdata] = value
        return value

    images = torch.empty(_IMAGES, 3, *size, device='meta')
    with FlopCounterMode(display=False) as counter, saved_tensors_hooks(keep, lambda value: value):
        outputs = _forward(model, cfg, images)
    saved = sum(value.untyped_storage().nbytes() for value in kept.values())
    del outputs
    return ModelCost(
        counter.get_total_flops() / 2 / _IMAGES,
        saved / _IMAGES,
        sum(value.numel() for value in model.parameters()),
        sum(value.numel() for value in model.parameters() if value.requires_grad),
    )


def _forward(model: nn.Module, cfg: Config, images: Tensor) -> list:
    if not hasattr(model, 'bbox_head') and not hasattr(model, 'roi_head'):
        return [model(images, mode='tensor')]
    features = model.extract_feat(images)
    if not hasattr(model, 'roi_head'):
        return [model.bbox_head(features)]
    roi_head = model.roi_head
    side = roi_head.bbox_roi_extractor.roi_layers[0].output_size
    channels = roi_head.bbox_roi_extractor.out_channels
    count = cfg.model.train_cfg.rcnn.sampler.num * len(images)
    maps = torch.empty(count, channels, *side, device='meta', requires_grad=True)
    if roi_head.with_shared_head:
        maps = roi_head.shared_head(maps)
    return [model.rpn_head(features), roi_head.bbox_head(maps)]
