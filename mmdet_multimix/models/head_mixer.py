"""Adds MultiMix to a head of mmdet that stays as it is, parameters, buffers and code.

A head computes its losses in one method, and in it calls its `loss_cls` once or more: once for all positions,
for each level of the pyramid, each image or each decoder layer. `HeadMixer` listens to these calls while that
method runs, mixes what they were given, and adds `loss_multimix` to the losses that the method returns.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from mmdet.models.dense_heads import DETRHead, SSDHead
from mmdet.models.layers import NormedConv2d, NormedLinear
from mmdet.models.roi_heads.bbox_heads import DIIHead
from mmengine.structures import InstanceData
from torch import Tensor, nn

from .detection_multimix import DetectionMultiMix
from .losses import MultiMixLoss
from .mixed_form import MixedForm, UnmixableError, form_of

_NO_LABELS = 'it learns which anchors belong to an object, so that none of them has a label'
_WORDS = 'it classifies by words, of which an object may have several'
# Heads, and those derived from them, whose code tells that the mechanism cannot work.
_REFUSED = {
    'FreeAnchorRetinaHead': _NO_LABELS,
    'AutoAssignHead': _NO_LABELS,
    'FSAFHead': 'it changes the labels after it has computed the loss',
    'ATSSVLFusionHead': _WORDS,
    'GroundingDINOHead': _WORDS,
    'MultiInstanceBBoxHead': 'it predicts two objects for a RoI and matches their labels by the loss itself',
    'CenterNetHead': 'it predicts heatmaps, which have no examples',
    'CornerHead': 'it predicts heatmaps, which have no examples',
}
_PATIENCE = 20  # mini-batches with objects of which a head may find none


@dataclass
class LossCall:
    """What a `loss_cls` was given, flat.

    Args:
        logits: `(b, c)`.
        labels: `(b,)` integers or `(b, c)` soft.
        weights: `(b,)`; None means 1.
        scores: `(b,)`, the qualities of the quality focal loss.
    """

    logits: Tensor
    labels: Tensor
    weights: Tensor | None = None
    scores: Tensor | None = None

    @classmethod
    def of(cls, logits: Tensor, target: Tensor | tuple[Tensor, Tensor], weights: Tensor | None) -> LossCall:
        """From the arguments of a loss of mmdet, in any of the shapes that its heads use."""
        labels, scores = target if isinstance(target, (tuple, list)) else (target, None)
        soft = labels.dim() == logits.dim()  # a row of targets for each example
        logits = logits.reshape(-1, logits.shape[-1])
        labels = labels.reshape(logits.shape if soft else (-1,))
        if soft and not labels.is_floating_point():
            labels = labels.to(logits.dtype)
        if weights is not None:
            # By example, or by example and class: then one that counts for any class counts.
            weights = weights.reshape(len(logits), -1).amax(dim=1) if len(logits) else weights.reshape(-1)
        return cls(logits, labels, weights, None if scores is None else scores.reshape(-1))


class HeadMixer:
    """MultiMix in one head, until `remove`.

    What is mixed with what is said by `ExampleChoice`. It chooses from, once for each time that the head
    computes its losses,

    * of RoI heads, the sampled RoIs of all images (each stage of a cascade by itself);
    * of one-stage heads, the anchors or points of all levels and images. SSD's are all that have a label,
      whichever its hard-negative mining then takes;
    * of DETR and its kin, the queries of the last decoder layer with the labels that the matching gave them,
      neither those of other layers and the encoder nor those for denoising.

    The mixer lives in the head's `__dict__` and forward hooks and copies with it; the state dict does not
    know it.

    Args:
        name: The head's name, for messages.
        head: A bounding box head.
        **multimix: Arguments of `DetectionMultiMix`, but `form`.

    Raises:
        UnmixableError: The head cannot be mixed; with the reason.
    """

    def __init__(self, name: str, head: nn.Module, **multimix: Any) -> None:
        self.name = name
        self.head = head
        self.form = form_of_head(head)
        # A part of the head, so that what looks for MultiMix in a model finds it. It holds no tensors.
        head.multimix = DetectionMultiMix(form=self.form, **multimix)
        if isinstance(head, DIIHead):
            self.method = 'loss_and_target'
        else:
            self.method = 'loss_by_feat' if hasattr(head, 'loss_by_feat') else 'loss'
        self._calls: list[LossCall] | None = None
        self._silent: int | None = 0  # times that there were objects but no calls; None after the first call
        self._compute = getattr(head, self.method)
        head.__dict__[self.method] = self._losses
        if isinstance(head, SSDHead):
            self._compute_single = head.loss_by_feat_single
            head.__dict__['loss_by_feat_single'] = self._ssd_single
        else:
            self._parameters = tuple(inspect.signature(head.loss_cls.forward).parameters)
            self._handle = head.loss_cls.register_forward_hook(self._listen, with_kwargs=True)

    def remove(self) -> None:
        """Leaves the head as it was."""
        del self.head.__dict__[self.method], self.head.multimix
        if isinstance(self.head, SSDHead):
            del self.head.__dict__['loss_by_feat_single']
        else:
            self._handle.remove()

    def describe(self) -> str:
        """One line for the log."""
        mix, head = self.head.multimix, type(self.head).__name__
        own = getattr(self.head, 'loss_cls', None)  # SSD has none
        loss = 'cross-entropy' if own is None else type(own).__name__
        return (
            f'MultiMix in {self.name} ({head}, {loss}): {self.form.kind}, {mix.among} examples, '
            f'n={mix.n}, loss_weight={mix.loss_weight}'
        )

    def _losses(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The head's losses, and `loss_multimix`."""
        if self._calls is not None or kwargs.get('reduction_override') == 'none':
            return self._compute(*args, **kwargs)  # hard-example mining wants the loss of every RoI
        self._calls = []
        try:
            result = self._compute(*args, **kwargs)
            calls = self._calls
        finally:
            self._calls = None
        losses = result['loss_bbox'] if self.method == 'loss_and_target' else result
        losses.update(self._mixed(calls, losses, args))
        return result

    def _mixed(self, calls: list[LossCall], losses: dict, args: tuple) -> dict[str, Tensor]:
        if isinstance(self.head, DETRHead):
            last = len(args[0]) - 1  # the layers come first, in order
            calls = calls[last : last + 1]
        if not calls:
            return self._nothing(losses, args)
        self._silent = None
        fields = {}
        for field in ('logits', 'labels', 'weights', 'scores'):
            values = [getattr(call, field) for call in calls]
            fields[field] = None if values[0] is None else values
        return self.head.multimix.losses(
            fields['logits'], fields['labels'], fields['weights'], fields['scores']
        )

    def _nothing(self, losses: dict, args: tuple) -> dict[str, Tensor]:
        """The loss where the head did not call its `loss_cls`, as some do not without RoIs or objects."""
        if self._silent is not None and _has_objects(args):
            self._silent += 1
            if self._silent == _PATIENCE:
                raise RuntimeError(
                    f'MultiMix found nothing to mix in {self.name}: {type(self.head).__name__} computes its '
                    'losses without calling its loss_cls, so MultiMixHook cannot be used with it'
                )
        if self.method == 'loss_by_feat':
            anything = next(iter(losses.values()))
            anything = anything[0] if isinstance(anything, (list, tuple)) else anything
        else:
            anything = args[0]  # logits of no RoIs
        return {'loss_multimix': anything.float().sum() * 0}

    def _listen(self, loss_cls: nn.Module, args: tuple, kwargs: dict, output: Tensor) -> None:
        if self._calls is None:
            return
        given = {**dict(zip(self._parameters, args, strict=False)), **kwargs}
        if given.get('reduction_override') == 'none':
            return  # scores of candidates, as in PAA's assignment; the losses proper are reduced
        logits, target = (given[name] for name in self._parameters[:2])
        self._calls.append(LossCall.of(logits, target, given.get('weight')))

    def _ssd_single(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        anchor: Tensor,
        labels: Tensor,
        weights: Tensor,
        *args,
        **kwargs,
    ) -> tuple[Tensor, Tensor]:
        if self._calls is not None:
            self._calls.append(LossCall.of(cls_score, labels, weights))
        return self._compute_single(cls_score, bbox_pred, anchor, labels, weights, *args, **kwargs)


def _has_objects(args: tuple) -> bool:
    return any(
        isinstance(item, InstanceData) and len(item)
        for arg in args
        if isinstance(arg, (list, tuple))
        for item in arg
    )


def form_of_head(head: nn.Module) -> MixedForm:
    """The mixed loss of a head.

    Raises:
        UnmixableError: The head cannot be mixed; with the reason.
    """
    for parent in type(head).__mro__:
        if parent.__name__ in _REFUSED:
            raise UnmixableError(_REFUSED[parent.__name__])
    loss_cls = getattr(head, 'loss_cls', None)
    if hasattr(head, 'multimix') or isinstance(loss_cls, MultiMixLoss):
        raise UnmixableError('it mixes already')
    if any(isinstance(module, (NormedLinear, NormedConv2d)) for module in head.modules()):
        raise UnmixableError('it classifies by cosines, which are not linear in the embedding')
    if getattr(head, 'with_objectness', False):
        raise UnmixableError('its scores are a mean of two branches (with_objectness), which is not linear')
    if not getattr(head, 'with_cls', True):
        raise UnmixableError('it has no classifier (with_cls=False)')
    if isinstance(head, SSDHead):
        return MixedForm()  # computes softmax cross-entropy itself
    if loss_cls is None:
        raise UnmixableError('it has no loss_cls')
    return form_of(loss_cls)


def bbox_heads(model: nn.Module) -> dict[str, nn.Module]:
    """The heads of a detector that give boxes their final class, by name.

    Those are its `bbox_head`, that of its `roi_head`, or the members where it is a list, wherever they are
    but in a teacher, which does not learn. RPNs, mask and semantic heads go by other names.
    """
    found = {}
    for name, module in model.named_modules():
        is_list = isinstance(module, (nn.ModuleList, nn.Sequential))
        elsewhere = any(part.startswith(('teacher', 'rpn')) for part in name.split('.'))
        if re.search(r'(^|\.)bbox_head(\.\d+)?$', name) and not is_list and not elsewhere:
            found[name] = module
    return found


def classification_losses(model: nn.Module) -> dict[str, str]:
    """Everything in a model that has a `loss_cls`, with the names of both classes, for messages."""
    return {
        name or 'model': f'{type(module).__name__} with {type(module.loss_cls).__name__}'
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'loss_cls', None), nn.Module)
    }
