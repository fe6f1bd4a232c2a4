"""The box head of C4 detectors with Dense MultiMix on the RoI feature maps."""

from __future__ import annotations

from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.registry import MODELS
from torch import Tensor

from ..roi_multimix import DenseRoIMultiMix
from .multimix_bbox_head import linear_softmax_form


@MODELS.register_module()
class DenseMultiMixBBoxHead(BBoxHead):
    """`BBoxHead` on averaged RoI maps that also classifies mixtures of their positions while it trains.

    In a config whose RoI maps come from a shared layer, as those of the C4 detectors do::

        roi_head=dict(bbox_head=dict(type='DenseMultiMixBBoxHead', multimix=dict(n=200)))

    Adds `loss_multimix` beside `loss_cls`, with the class weights of that. Such a head averages a RoI's
    map and classifies the mean by one linear layer, so the paper's dense form applies as written: that
    layer classifies every position as well. Parameters and inference are those of `BBoxHead`, which loads
    the checkpoint strictly.

    Args:
        *args: As for `BBoxHead`.
        multimix: The arguments of `DenseRoIMultiMix`: `n`, `among`, `loss_weight`, `attention`,
            `m`, `alpha`, `alpha_per`, `within_image`, `gather`.
        **kwargs: As for `BBoxHead`.

    Raises:
        ValueError: The head does not average its input, or its classifier is not linear or not a softmax over
            `num_classes + 1` classes: then classifying positions is not what the paper does.
    """

    def __init__(self, *args, multimix: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not self.with_avg_pool:
            raise ValueError(
                'DenseMultiMixBBoxHead needs with_avg_pool=True: what it classifies must be the mean of a map'
            )
        self.multimix = DenseRoIMultiMix(form=linear_softmax_form(self), **(multimix or {}))
        self._classified: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and box deltas of the RoIs.

        Args:
            x: Maps of the RoIs, `(b, d, h, w)`.
        """
        cls_score, bbox_pred = super().forward(x)
        # mmdet's RoI head does not hand the maps to the loss.
        self._classified = (cls_score, x) if self.training else None
        return cls_score, bbox_pred

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
            cls_score: `(b, num_classes + 1)` logits of the RoIs, those that `forward` gave last.
            bbox_pred: `(b, 4 * num_classes)` or `(b, 4)`.
            rois: `(b, 5)`: image index and box, in pixels.
            labels: `(b,)`, `num_classes` where background.
            label_weights: `(b,)`.
            bbox_targets: `(b, 4)`.
            bbox_weights: `(b, 4)`.
            reduction_override: `'none'` asks for the loss of every RoI, to mine hard ones: no mixing then.

        Raises:
            RuntimeError: The logits are not those of the last `forward` in training.
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
        classified, self._classified = self._classified, None
        if reduction_override == 'none':
            return losses
        if classified is None or classified[0] is not cls_score:
            raise RuntimeError(
                'DenseMultiMixBBoxHead needs the RoI maps of these logits: call loss once, with what forward '
                'returned in training'
            )
        losses.update(self.multimix.losses(classified[1], labels, self.fc_cls, label_weights, rois))
        return losses
