"""MultiMix as the loss of somebody else's classification head, such as mmpretrain's."""

from __future__ import annotations

from typing import Any

from mmdet.registry import MODELS
from torch import Tensor, nn

from ..multimix import MultiMix


@MODELS.register_module()
class MultiMixClsLoss(nn.Module):
    """MultiMix in the place of the cross-entropy of a classifier whose last layer is linear.

    Mixing its logits is the same as mixing the embeddings before that layer, so a config of mmpretrain takes
    it as the loss of any of its heads that have such a layer::

        custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)
        model = dict(head=dict(loss=dict(_delete_=True, type='mmdet.MultiMixClsLoss', setting='short')))

    The dense form needs the feature maps, which a loss does not see: it has a head of its own,
    ``DenseMultiMixHead``, in this package's classifier.

    Args:
        **multimix: Arguments of ``MultiMix.from_setting``.
    """

    def __init__(self, **multimix: Any) -> None:
        super().__init__()
        self.multimix = MultiMix.from_setting(**multimix)

    def forward(self, cls_score: Tensor, label: Tensor, **_: Any) -> Tensor:
        """The loss of a mini-batch, a scalar.

        Args:
            cls_score: Logits (b, c).
            label: Labels (b,), or soft targets (b, c).
            **_: What heads pass beside, such as ``avg_factor``: the mean is over the tuples.
        """
        return self.multimix(cls_score.float(), label)
