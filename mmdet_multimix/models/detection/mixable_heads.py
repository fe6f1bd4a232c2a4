"""Which heads of a detector can be mixed, and by which loss."""

from __future__ import annotations

import re

from mmdet.models.dense_heads import SSDHead
from mmdet.models.layers import NormedConv2d, NormedLinear
from torch import nn

from .mixed_form import MixedForm, UnmixableError, form_of
from .multimix_loss import MultiMixLoss

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
    'RPNHead': 'it tells objects from background, of which no class is mixed',
    'YOLOFHead': 'its scores join two branches (implicit objectness), which is not linear',
    'CenterNetHead': 'it predicts heatmaps, which have no examples',
    'CornerHead': 'it predicts heatmaps, which have no examples',
}


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
