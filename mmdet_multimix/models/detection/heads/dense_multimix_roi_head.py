"""The RoI head of FPN detectors with Dense MultiMix on the RoI feature maps."""

from __future__ import annotations

from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from torch import Tensor

from ....ops.checks import check_factor, check_options
from ..dense_roi_multimix import DenseRoIMultiMix
from ..training_only import TrainingOnlyLinear


class AuxiliaryDenseMultiMix(DenseRoIMultiMix):
    """``DenseRoIMultiMix`` with a classifier of its own, which therefore needs a loss of its own too.

    Args:
        clean_weight: Weight of the plain cross-entropy of the averaged maps of the RoIs that are mixed. It
            is off where ``loss_weight`` is 0, before and after a schedule's mixing.
        **kwargs: As for ``DenseRoIMultiMix``.

    Raises:
        ValueError: A negative weight.
    """

    def __init__(self, *, clean_weight: float = 0.1, **kwargs) -> None:
        super().__init__(**kwargs)
        check_factor('clean_weight', clean_weight)
        self.clean_weight = clean_weight


@MODELS.register_module()
class DenseMultiMixRoIHead(StandardRoIHead):
    """``StandardRoIHead`` that also classifies mixtures of the positions of its RoI maps while it trains.

    In a config of a Faster or Mask R-CNN with an FPN::

        roi_head=dict(type='DenseMultiMixRoIHead', dense_multimix=dict(n=200))

    The box head of such a detector flattens a RoI's 7 x 7 map, so it has no classifier that a position could
    be given to. This head brings one: a linear layer from the channels of the map to ``num_classes + 1``
    classes, present in training only. Section 3.3 of the paper is then applied with RoIs for images: each
    position of the map is classified, attention is l1-normalised over the map of each RoI, and at each
    position the RoIs of all images are mixed. Adds

    * ``loss_dense_multimix``, the mixed loss;
    * ``loss_dense_cls``, the plain cross-entropy of the averaged maps, unless ``clean_weight`` is 0.

    Both are without the class weights of the detector's own ``loss_cls``. They reach the RoI maps, the neck
    and the backbone; the detector's own losses, its parameters and inference do not change. ``bbox_head``
    may be any, one that mixes by itself included, and so may a ``MultiMixHook`` beside it.

    The new layer's parameters are saved in the metadata of the checkpoint's state dict: it is resumed, and a
    stock detector loads the checkpoint strictly; see ``TrainingOnlyLinear``.

    Deviations from the paper: its classifier is the one that predicts, and has the mixed loss alone. This
    one never predicts and starts from zeros, so that mixed targets near the prior alone would teach it, and
    the maps through it, little: it also gets the clean loss of the same RoIs. The others are those of
    ``DenseRoIMultiMix``.

    Args:
        *args: As for ``StandardRoIHead``.
        dense_multimix: The arguments of ``AuxiliaryDenseMultiMix``: ``clean_weight``, and the fields of
            ``MixingSettings``.
        **kwargs: As for ``StandardRoIHead``.

    Raises:
        ValueError: There is no ``bbox_head``, or it is that of a cascade.
    """

    def __init__(self, *args, dense_multimix: dict | None = None, **kwargs) -> None:
        if isinstance(kwargs.get('bbox_head'), (list, tuple)) or 'num_stages' in kwargs:
            raise ValueError(
                'DenseMultiMixRoIHead takes one bbox_head, not the stages of a cascade: keep the roi_head of '
                "the cascade and add MultiMix by custom_hooks=[dict(type='MultiMixHook')]"
            )
        super().__init__(*args, **kwargs)
        if not self.with_bbox:
            raise ValueError('DenseMultiMixRoIHead needs a bbox_head, whose RoIs and labels it mixes')
        check_options('dense_multimix', dense_multimix)
        self.dense_multimix = AuxiliaryDenseMultiMix(**(dense_multimix or {}))
        if self.train_cfg:
            self.dense_cls = TrainingOnlyLinear(self.bbox_head.in_channels, self.bbox_head.num_classes + 1)

    def bbox_loss(self, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict:
        """The results of ``StandardRoIHead``, and the dense terms among its losses.

        Args:
            x: Feature maps of all levels, ``(images, channels, height, width)``.
            sampling_results: The RoIs of each image and the objects they were assigned to.

        Returns:
            ``cls_score``, ``bbox_pred``, ``bbox_feats`` and ``loss_bbox``, a dict.
        """
        results = super().bbox_loss(x, sampling_results)
        # Once more, as the stock method keeps them to itself.
        labels, label_weights, *_ = self.bbox_head.get_targets(sampling_results, self.train_cfg)
        rois = bbox2roi([result.priors for result in sampling_results])
        losses = self.dense_multimix.losses(
            results['bbox_feats'], labels, self.dense_cls, label_weights, rois
        )
        names = {'loss_multimix': 'loss_dense_multimix', 'loss_cls': 'loss_dense_cls'}
        results['loss_bbox'].update({names[key]: value for key, value in losses.items()})
        return results
