"""SSD's head with MultiMix."""

from __future__ import annotations

from mmdet.models.dense_heads import SSDHead
from mmdet.registry import MODELS

from ..head_mixer import HeadMixer


@MODELS.register_module()
class MultiMixSSDHead(SSDHead):
    """`SSDHead` that also classifies mixtures of its anchors' embeddings while it trains.

    Adds `loss_multimix` beside `loss_cls`; what is mixed with what, see `HeadMixer`. Parameters and inference
    are those of `SSDHead`.

    Args:
        *args: As for `SSDHead`.
        multimix: The arguments of `DetectionMultiMix`: `n`, `among`, `loss_weight`, `m`, `alpha`,
            `alpha_per`, `max_examples`, `within_image`, `gather`.
        **kwargs: As for `SSDHead`.
    """

    def __init__(self, *args, multimix: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        HeadMixer(type(self).__name__, self, **(multimix or {}))
