"""mmdet's box heads and SSD's head with MultiMix inside."""

from __future__ import annotations

from typing import Any

from mmdet.models.dense_heads import SSDHead
from mmdet.models.roi_heads.bbox_heads import (
    BBoxHead,
    ConvFCBBoxHead,
    Shared2FCBBoxHead,
    Shared4Conv1FCBBoxHead,
)
from mmdet.registry import MODELS

from ..detection_multimix import DetectionMultiMix
from ..head_mixer import HeadMixer
from ..mixable_heads import form_of_head, linear_softmax_form


class MixesItself:
    """Lets a head, named after it among the bases, mix its examples, as ``MultiMixHook`` would.

    Adds ``loss_multimix`` beside ``loss_cls``, with the class weights of that; see ``HeadMixer``. Parameters
    and inference are those of the head, which loads the checkpoint strictly.

    Args:
        *args: As for the head.
        multimix: The fields of ``MixingSettings``.
        **kwargs: As for the head.

    Raises:
        ValueError: The classifier of a box head is not linear or not a softmax over ``num_classes + 1``
            classes: then mixing logits is not mixing embeddings. Or ``loss_cls`` has an ``ignore_index``, or
            mixes already.
    """

    def __init__(self, *args: Any, multimix: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        form = linear_softmax_form(self) if isinstance(self, BBoxHead) else form_of_head(self)
        HeadMixer(type(self).__name__, self, DetectionMultiMix(form=form, **(multimix or {})))


@MODELS.register_module()
class MultiMixBBoxHead(MixesItself, BBoxHead):
    """``BBoxHead``, the head of C4 detectors, with MultiMix; see ``MixesItself``."""


@MODELS.register_module()
class MultiMixConvFCBBoxHead(MixesItself, ConvFCBBoxHead):
    """``ConvFCBBoxHead`` with MultiMix; see ``MixesItself``."""


@MODELS.register_module()
class MultiMixShared2FCBBoxHead(MixesItself, Shared2FCBBoxHead):
    """``Shared2FCBBoxHead`` with MultiMix; see ``MixesItself``."""


@MODELS.register_module()
class MultiMixShared4Conv1FCBBoxHead(MixesItself, Shared4Conv1FCBBoxHead):
    """``Shared4Conv1FCBBoxHead`` with MultiMix; see ``MixesItself``."""


@MODELS.register_module()
class MultiMixSSDHead(MixesItself, SSDHead):
    """``SSDHead`` with MultiMix; see ``MixesItself``."""
