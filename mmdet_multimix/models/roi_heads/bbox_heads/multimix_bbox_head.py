"""The two-FC box head with MultiMix on the RoI embeddings before `fc_cls`."""

from __future__ import annotations

from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.registry import MODELS
from torch import Tensor, nn

from ...roi_multimix import RoIMultiMix


@MODELS.register_module()
class MultiMixShared2FCBBoxHead(Shared2FCBBoxHead):
    """`Shared2FCBBoxHead` that also classifies mixtures of the RoI embeddings while it trains.

    Adds `loss_multimix` beside `loss_cls`. Parameters and inference are those of `Shared2FCBBoxHead`, which
    loads the checkpoint strictly.

    Args:
        *args: As for `Shared2FCBBoxHead`.
        multimix: The arguments of `RoIMultiMix`: `n`, `among`, `loss_weight`, `m`, `alpha`, `alpha_per`.
        **kwargs: As for `Shared2FCBBoxHead`.

    Raises:
        ValueError: The classifier is not linear or not a softmax over `num_classes + 1` classes: then mixing
            logits is not mixing embeddings.
    """

    def __init__(self, *args, multimix: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if type(self.fc_cls) is not nn.Linear or self.fc_cls.out_features != self.num_classes + 1:
            raise ValueError(
                f'MultiMixShared2FCBBoxHead needs a linear fc_cls with {self.num_classes + 1} outputs, '
                f'num_classes and the background, got {self.fc_cls}; drop cls_predictor_cfg, or a loss_cls '
                'that changes the classes'
            )
        if getattr(self.loss_cls, 'use_sigmoid', False):
            raise ValueError('MultiMixShared2FCBBoxHead needs a softmax loss_cls, got use_sigmoid=True')
        self.multimix = RoIMultiMix(**(multimix or {}))

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
            losses.update(self.multimix.losses(cls_score, labels, label_weights))
        return losses
