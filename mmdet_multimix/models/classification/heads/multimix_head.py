"""Heads that train the linear classifier with MultiMix (NeurIPS 2023, arXiv 2311.05538)."""

from mmdet.registry import MODELS
from torch import Tensor

from ....ops.checks import check_options
from ...dense_multimix import DenseMultiMix
from ...multimix import MultiMix
from .linear_cls_head import LinearClsHead


@MODELS.register_module()
class MultiMixHead(LinearClsHead):
    """MultiMix on the pooled embeddings, right before the classifier.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the backbone's last feature map.
        multimix: Arguments of :meth:`MultiMix.from_setting`: the name of a ``setting`` (``'paper'``, the
            default, or ``'short'``) and the options that differ from it, e.g.
            ``dict(setting='short', n=500)``.
    """

    multimix_class: type[MultiMix] = MultiMix

    def __init__(self, num_classes: int, in_channels: int, multimix: dict | None = None) -> None:
        super().__init__(num_classes, in_channels)
        check_options('multimix', multimix)
        self.multimix = self.multimix_class.from_setting(**(multimix or {}))

    def losses(self, features: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``loss_multimix``, and ``loss_cls`` if the setting has a clean term."""
        return self.multimix.losses(logits, labels)


@MODELS.register_module()
class DenseMultiMixHead(MultiMixHead):
    """Dense MultiMix: the embeddings of every position are mixed and classified.

    The arguments are those of :class:`MultiMixHead`, ``multimix`` going to
    :meth:`DenseMultiMix.from_setting`. Prediction pools first, as in every head.
    """

    multimix_class = DenseMultiMix
    multimix: DenseMultiMix

    def losses(self, features: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``loss_multimix``, and ``loss_cls`` if the setting has a clean term."""
        return self.multimix.losses(features, labels, self.fc)
