"""Which heads of a detector are mixed: those that were shown to be mixed right, and why others are not."""

from __future__ import annotations

import inspect
import re
from functools import cache
from types import CodeType

from mmdet.models.dense_heads import SSDHead
from mmdet.models.detectors import RPN
from mmdet.models.layers import NormedConv2d, NormedLinear
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import nn

from ..multimix import in_teacher
from .mixed_form import MixedForm, UnmixableError, form_of, softmax_form
from .multimix_loss import MultiMixLoss

# Heads of mmdet that `tools/try_zoo.py` has trained with and without MultiMix, in each config that has
# another detector, head or loss. Its table names a head that is missing here, or no longer shown.
_NAMES = """
    ATSSHead BBoxHead BoxInstBboxHead CondInstBboxHead ConditionalDETRHead DABDETRHead DDODHead
    DDQDETRHead DETRHead DIIHead DINOHead DeformableDETRHead DoubleConvFCBBoxHead FCOSHead FoveaHead
    GARetinaHead GFLHead LADHead LDHead NASFCOSHead PAAHead PISARetinaHead PISASSDHead
    RTMDetInsSepBNHead RTMDetSepBNHead RepPointsHead RetinaHead RetinaSepBNHead SABLHead SABLRetinaHead
    SCNetBBoxHead SSDHead Shared2FCBBoxHead Shared4Conv1FCBBoxHead YOLACTHead YOLOV3Head YOLOXHead
"""
SHOWN = frozenset(_NAMES.split())
_NO_LABELS = 'it learns which anchors belong to an object, so that none of them has a label'
_WORDS = 'it classifies by words, of which an object may have several'
# Heads, and those derived from them, whose code tells that the mechanism cannot work.
REFUSED = {
    'FreeAnchorRetinaHead': _NO_LABELS,
    'AutoAssignHead': _NO_LABELS,
    'FSAFHead': 'it changes the labels after it has computed the loss',
    'ATSSVLFusionHead': _WORDS,
    'GroundingDINOHead': _WORDS,
    'MultiInstanceBBoxHead': 'it predicts two objects for a RoI and matches their labels by the loss itself',
    'YOLOFHead': 'its scores join two branches (implicit objectness), which is not linear',
    'CenterNetHead': 'it predicts heatmaps, which have no examples',
    'CornerHead': 'it predicts heatmaps, which have no examples',
}
_RPN = 'it tells objects from background, of which no class is mixed'
_ENTRIES = ('loss', 'loss_and_target', 'loss_by_feat')  # what detectors call


def form_of_head(head: BaseModule, *, force: bool = False) -> MixedForm:
    """The mixed loss of a head.

    Args:
        head: A head of a detector.
        force: Whether to take a head that nobody has tried, too.

    Raises:
        UnmixableError: The head cannot be mixed, or nobody has tried; with the reason.
    """
    parents = [parent.__name__ for parent in type(head).__mro__]
    for parent in parents:
        if parent in REFUSED:
            raise UnmixableError(REFUSED[parent])
    if _is_rpn(type(head)):
        raise UnmixableError(_RPN)
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
        form = MixedForm()  # computes softmax cross-entropy itself
    elif loss_cls is None:
        raise UnmixableError('it has no loss_cls')
    else:
        form = form_of(loss_cls)
    if form.kind != 'softmax' and _has_background_logit(head):
        raise UnmixableError('its loss is that of a sigmoid, and yet the background has a logit of its own')
    reason = unknown(type(head))
    if reason and not force:
        raise UnmixableError(
            f'{reason}, so nobody has tried whether it is mixed right; MultiMixHook(force=True) mixes it'
        )
    return form


def linear_softmax_form(head: BBoxHead) -> MixedForm:
    """The mixed loss of a box head with a softmax, whose logits are a linear function of the embedding.

    Raises:
        ValueError: They are not, or ``loss_cls`` cannot be mixed; with the reason.
    """
    name = type(head).__name__
    if type(head.fc_cls) is not nn.Linear or head.fc_cls.out_features != head.num_classes + 1:
        raise ValueError(
            f'{name} needs a linear fc_cls with {head.num_classes + 1} outputs, num_classes and the '
            f'background, got {head.fc_cls}; drop cls_predictor_cfg, or a loss_cls that changes the classes'
        )
    if getattr(head.loss_cls, 'use_sigmoid', False):
        raise ValueError(f'{name} needs a softmax loss_cls, got use_sigmoid=True')
    if isinstance(head.loss_cls, MultiMixLoss):
        raise ValueError(f'{name} mixes, and so does its loss_cls, MultiMixLoss: use one of the two')
    return softmax_form(head.loss_cls, name)


def unknown(kind: type) -> str | None:
    """Why nothing is known of a class of heads.

    None where it computes its loss by the very functions of a head that was shown, as a subclass does that
    changes other things.
    """
    if any(not _differs(kind, shown) for shown in _shown()):
        return None
    parent = next((shown for shown in kind.__mro__ if shown in _shown()), None)
    if parent is None:
        return 'it is none of the heads that were tried'
    return f'it is derived from {parent.__name__}, but has a {_differs(kind, parent)} of its own'


@cache
def loss_methods(kind: type) -> frozenset[str]:
    """The methods by which a class of heads computes its losses, and those that these mention."""
    found: set[str] = set()
    todo = set(_ENTRIES)
    while todo:
        name = todo.pop()
        found.add(name)
        for parent in kind.__mro__:
            method = parent.__dict__.get(name)
            function = inspect.unwrap(getattr(method, '__func__', method)) if callable(method) else None
            if hasattr(function, '__code__'):
                todo |= {other for other in _names(function.__code__) if _is_method(kind, other)} - found
    return frozenset(name for name in found if _is_method(kind, name))


def bbox_heads(model: nn.Module) -> dict[str, nn.Module]:
    """The heads of a detector that give boxes their final class, by name.

    Those are its ``bbox_head``, that of its ``roi_head``, or the members where it is a list, wherever they
    are but in a teacher, which does not learn. Mask and semantic heads go by other names.
    """
    found = {}
    for name, module in model.named_modules():
        is_list = isinstance(module, (nn.ModuleList, nn.Sequential))
        named = re.search(r'(^|\.)bbox_head(\.\d+)?$', name)
        if named and not (is_list or _in_rpn(name) or in_teacher(name)):
            found[name] = module
    return found


def form_in(model: nn.Module, name: str, *, force: bool = False) -> MixedForm:
    """The mixed loss of the head with that name in a detector; see ``form_of_head``."""
    owner = model.get_submodule(name.rpartition('.')[0])
    if isinstance(owner, RPN):  # which calls its head a bbox_head, whatever the head is derived from
        raise UnmixableError(_RPN)
    return form_of_head(model.get_submodule(name), force=force)


def classification_losses(model: nn.Module) -> dict[str, str]:
    """Everything in a model that has a ``loss_cls``, with the names of both classes, for messages."""
    return {
        name or 'model': f'{type(module).__name__} with {type(module.loss_cls).__name__}'
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'loss_cls', None), nn.Module)
    }


def heads_of_other_names(model: nn.Module) -> dict[str, str]:
    """What has a ``loss_cls`` and learns, and is no ``bbox_head``, nor a part of one, nor an RPN."""
    known = bbox_heads(model)
    return {
        name: kind
        for name, kind in classification_losses(model).items()
        if not (in_teacher(name) or _in_rpn(name) or any(f'{name}.'.startswith(f'{head}.') for head in known))
        and not _is_rpn(type(model.get_submodule('' if name == 'model' else name)))
    }


def _in_rpn(name: str) -> bool:
    return any(part.startswith('rpn') for part in name.split('.'))


def _is_rpn(kind: type) -> bool:
    return any('RPN' in parent.__name__ for parent in kind.__mro__)


def _has_background_logit(head: nn.Module) -> bool:
    classifier = getattr(head, 'fc_cls', None)
    return getattr(classifier, 'out_features', None) == getattr(head, 'num_classes', 0) + 1


@cache
def _shown() -> tuple[type, ...]:
    kinds = (MODELS.module_dict.get(name) for name in sorted(SHOWN))  # older mmdets lack some
    return tuple(kind for kind in kinds if kind is not None and _of_mmdet(kind))


def _differs(kind: type, shown: type) -> str | None:
    """The first method that one class computes its loss by and the other has otherwise."""
    for name in sorted(loss_methods(shown)):
        if inspect.getattr_static(kind, name, None) is not inspect.getattr_static(shown, name):
            return name
    return None


def _of_mmdet(kind: type) -> bool:
    return kind.__module__.startswith('mmdet.')


def _names(code: CodeType) -> set[str]:
    """What a function mentions, and the functions inside it."""
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*inner)


def _is_method(kind: type, name: str) -> bool:
    # What a head has from torch or mmengine computes no loss, and tensors have methods of the same names.
    owner = next((parent for parent in kind.__mro__ if name in parent.__dict__), None)
    return owner is not None and _of_mmdet(owner) and callable(getattr(kind, name))
