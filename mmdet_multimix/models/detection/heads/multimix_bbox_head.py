"""mmdet's box heads with MultiMix on the RoI embeddings before `fc_cls`."""

from __future__ import annotations

from mmdet.models.roi_heads.bbox_heads import (
    BBoxHead,
    ConvFCBBoxHead,
    Shared2FCBBoxHead,
    Shared4Conv1FCBBoxHead,
)
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..mixed_form import MixedForm, softmax_form
from ..multimix_loss import MultiMixLoss
from ..roi_multimix import RoIMultiMix


class RoIMixing:
    """Lets a `BBoxHead`, named after it among the bases, classify mixtures of the RoI embeddings too.

    Adds `loss_multimix` beside `loss_cls`, with the class weights of that. Parameters and inference are
    those of the head, which loads the checkpoint strictly.

    Args:
        *args: As for the head.
        multimix: The arguments of `RoIMultiMix`: `n`, `among`, `loss_weight`, `m`, `alpha`,
            `alpha_per`, `within_image`, `gather`.
        **kwargs: As for the head.

    Raises:
        ValueError: The classifier is not linear or not a softmax over `num_classes + 1` classes: then mixing
            logits is not mixing embeddings. Or `loss_cls` has an `ignore_index`, or mixes already.
    """

    def __init__(self, *args, multimix: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.multimix = RoIMultiMix(form=linear_softmax_form(self), **(multimix or {}))

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """The losses of `BBoxHead` and `loss_multimix`.

        Args:
            cls_score: `(b, num_classes + 1)` logits of the RoIs.
            bbox_pred: `(b, 4 * num_classes)` or `(b, 4)`.
            rois: `(b, 5)`: image index and box, in pixels.
            labels: `(b,)`, `num_classes` where background.
            label_weights: `(b,)`.
            bbox_targets: `(b, 4)`.
            bbox_weights: `(b, 4)`.
            reduction_override: `'none'` asks for the loss of every RoI, to mine hard ones: no mixing then.
        """
        losses = super().loss(
            cls_score,
            bbox_pred,
            rois,
            labels,
            label_weights,
            bbox_targets,
            bbox_weights,
            reduction_override=reduction_override,
        )
        if reduction_override != 'none':
            losses.update(self.multimix.losses(cls_score, labels, label_weights, rois))
        return losses


def linear_softmax_form(head: BBoxHead) -> MixedForm:
    """The mixed loss of a head whose logits are a linear function of the embedding, and those of a softmax.

    Raises:
        ValueError: They are not, or `loss_cls` cannot be mixed; with the reason.
    """
    name = type(head).__name__
    if type(head.fc_cls) is not nn.Linear or head.fc_cls.out_features != head.num_classes + 1:
        raise ValueError(
            f'{name} needs a linear fc_cls with {head.num_classes + 1} outputs, num_classes and the '
            f'background, got {head.fc_cls}; drop cls_predictor_cfg, or a loss_cls that changes the classes'
        )
    if getattr(head.loss_cls, 'use_sigmoid', False):
        raise ValueError(f'{name} needs a softmax loss_cls, got use_sigmoid=True')
    if isinstance(head.loss_cls, MultiMixLoss):
        raise ValueError(f'{name} mixes, and so does its loss_cls, MultiMixLoss: use one of the two')
    return softmax_form(head.loss_cls, name)


@MODELS.register_module()
class MultiMixBBoxHead(RoIMixing, BBoxHead):
    """`BBoxHead`, the head of C4 detectors, with `RoIMixing`."""


@MODELS.register_module()
class MultiMixConvFCBBoxHead(RoIMixing, ConvFCBBoxHead):
    """`ConvFCBBoxHead` with `RoIMixing`."""


@MODELS.register_module()
class MultiMixShared2FCBBoxHead(RoIMixing, Shared2FCBBoxHead):
    """`Shared2FCBBoxHead` with `RoIMixing`."""


@MODELS.register_module()
class MultiMixShared4Conv1FCBBoxHead(RoIMixing, Shared4Conv1FCBBoxHead):
    """`Shared4Conv1FCBBoxHead` with `RoIMixing`."""
