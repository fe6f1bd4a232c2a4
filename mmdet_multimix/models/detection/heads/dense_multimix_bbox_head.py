"""The box head of C4 detectors with Dense MultiMix on the RoI feature maps."""

from __future__ import annotations

from typing import Any

from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.registry import MODELS
from torch import Tensor

from ..dense_roi_multimix import DenseRoIMultiMix
from ..head_mixer import HeadMixer
from ..mixable_heads import linear_softmax_form


class MapMixer(HeadMixer):
    """Mixes the maps of a head's RoIs in place of their logits."""

    def _term(self, given: dict[str, Any], fields: dict[str, list[Tensor] | None]) -> dict[str, Tensor]:
        if not self.head.training:  # the maps are kept in training alone
            return {'loss_multimix': given['cls_score'].float().sum() * 0}
        maps = self.head.maps_of(given['cls_score'])
        labels, weights, origins = (
            values and values[0] for values in map(fields.get, ('labels', 'weights', 'origins'))
        )
        return self.head.multimix.losses(maps, labels, self.head.fc_cls, weights, origins)


@MODELS.register_module()
class DenseMultiMixBBoxHead(BBoxHead):
    """``BBoxHead`` on averaged RoI maps that also classifies mixtures of their positions while it trains.

    In a config whose RoI maps come from a shared layer, as those of the C4 detectors do::

        roi_head=dict(bbox_head=dict(type='DenseMultiMixBBoxHead', multimix=dict(n=200)))

    Adds ``loss_multimix`` beside ``loss_cls``, with the class weights of that; in eval mode it is 0. Such a
    head averages a RoI's map and classifies the mean by one linear layer, so the paper's dense form applies
    as written: that layer classifies every position as well. Parameters and inference are those of
    ``BBoxHead``, which loads the checkpoint strictly.

    Args:
        *args: As for ``BBoxHead``.
        multimix: The arguments of ``DenseRoIMultiMix``.
        **kwargs: As for ``BBoxHead``.

    Raises:
        ValueError: The head does not average its input, or its classifier is not linear or not a softmax over
            ``num_classes + 1`` classes: then classifying positions is not what the paper does.
    """

    def __init__(self, *args, multimix: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not self.with_avg_pool:
            raise ValueError(
                'DenseMultiMixBBoxHead needs with_avg_pool=True: what it classifies must be the mean of a map'
            )
        form = linear_softmax_form(self)
        MapMixer(type(self).__name__, self, DenseRoIMultiMix(form=form, **(multimix or {})))
        self._classified: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and box deltas of the RoIs.

        Args:
            x: Maps of the RoIs, ``(b, d, h, w)``.
        """
        cls_score, bbox_pred = super().forward(x)
        # mmdet's RoI head does not hand the maps to the loss.
        self._classified = (cls_score, x) if self.training else None
        return cls_score, bbox_pred

    def maps_of(self, cls_score: Tensor) -> Tensor:
        """The maps that ``forward`` gave these logits for, once.

        Raises:
            RuntimeError: The logits are not those of the last ``forward`` in training.
        """
        classified, self._classified = self._classified, None
        if classified is None or classified[0] is not cls_score:
            raise RuntimeError(
                'DenseMultiMixBBoxHead needs the RoI maps of these logits: call loss once, with what forward '
                'returned in training'
            )
        return classified[1]
