"""MultiMix as the classification loss of a bbox head that stays as it is."""

from __future__ import annotations

from typing import Any

from mmdet.registry import MODELS
from torch import Tensor, nn

from .detection_multimix import DetectionMultiMix
from .loss_call import LossCall
from .mixed_form import softmax_form


@MODELS.register_module()
class MultiMixLoss(nn.Module):
    """A ``loss_cls`` for any ``BBoxHead``: its own loss, and MultiMix of the same RoIs beside it.

    In a config::

        roi_head=dict(bbox_head=dict(loss_cls=dict(type='MultiMixLoss', ess=3)))

    Assumes that the logits come from a linear layer, as ``fc_cls`` does by default. The inference of the
    detector and its checkpoint do not change.

    Args:
        loss_cls: The loss on the unmixed RoIs, softmax cross-entropy by default. Its class weights are those
            of the mixed loss, too.
        **multimix: The fields of ``MixingSettings``. Not ``within_image``: mmdet tells a loss the logits and
            labels of RoIs, not their images. Nor ``gather``: it calls no loss where there is no RoI, and the
            other ranks would wait for ever.

    Raises:
        ValueError: ``loss_cls`` is no softmax cross-entropy over ``num_classes + 1`` logits, or has an
            ``ignore_index``; ``within_image`` or ``gather``.
    """

    def __init__(self, loss_cls: dict | None = None, **multimix: Any) -> None:
        super().__init__()
        if multimix.get('within_image'):
            raise ValueError(
                'MultiMixLoss cannot mix within_image: mmdet does not tell a loss which image a RoI is of. '
                'Use MultiMixHook, or a head such as MultiMixShared2FCBBoxHead'
            )
        if multimix.get('gather'):
            raise ValueError(
                'MultiMixLoss cannot gather: mmdet calls no loss on a rank without RoIs, and the others '
                'would wait for it. Use MultiMixHook, or a head such as MultiMixShared2FCBBoxHead'
            )
        self.loss_cls = MODELS.build(loss_cls or dict(type='CrossEntropyLoss', use_sigmoid=False))
        if getattr(self.loss_cls, 'use_sigmoid', False) or getattr(
            self.loss_cls, 'custom_cls_channels', False
        ):
            raise ValueError(
                f'MultiMixLoss mixes softmax logits over num_classes + 1 classes; {loss_cls} has others'
            )
        form = softmax_form(self.loss_cls, 'MultiMixLoss')
        self.multimix = DetectionMultiMix(form=form, **multimix)

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
        **kwargs,
    ) -> dict[str, Tensor] | Tensor:
        """Computes both terms.

        Args:
            cls_score: Logits of the RoIs, ``(b, num_classes + 1)``, background last.
            label: ``(b,)`` integers.
            weight: ``(b,)``, zero where a RoI must not be used.
            avg_factor: Passed to ``loss_cls``.
            reduction_override: Passed to ``loss_cls``. With ``'none'`` hard-example mining asks for the loss
                of every RoI: only that of ``loss_cls`` is returned, a mixed loss belongs to no single RoI.
            **kwargs: Passed to ``loss_cls``.

        Returns:
            ``loss_cls`` and ``loss_multimix``, which ``BBoxHead`` merges into its own losses.
        """
        clean = self.loss_cls(
            cls_score, label, weight, avg_factor=avg_factor, reduction_override=reduction_override, **kwargs
        )
        if reduction_override == 'none':
            return clean
        call = LossCall.of(cls_score, label, weight)
        return {'loss_cls': clean, **self.multimix.losses(call.logits, call.labels, call.weights)}
