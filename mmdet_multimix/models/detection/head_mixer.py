"""Adds MultiMix to a head of mmdet that stays as it is, parameters, buffers and code.

A head computes its losses in one method, and in it calls its ``loss_cls`` once or more: once for all
positions, for each level of the pyramid, each image or each decoder layer. ``HeadMixer`` listens to these
calls while that method runs, mixes what they were given, and adds ``loss_multimix`` to the losses that the
method returns. The hook and the heads of this package all go this way.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.autograd.forward_ad as fwAD
from mmdet.models.dense_heads import DETRHead, SSDHead, YOLOXHead
from mmdet.models.roi_heads.bbox_heads import DIIHead
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...ops.eager import eager
from .dense_roi_multimix import DenseRoIMultiMix
from .detection_multimix import DetectionMultiMix
from .loss_call import LossCall, argument_names, check_call
from .origins import Origins, untagged


class HeadMixer:
    """MultiMix in one head, until ``remove``.

    Once for each time that the head computes its losses, ``ExampleChoice`` chooses from

    * of RoI heads, the sampled RoIs of all images (each stage of a cascade by itself);
    * of one-stage heads, the anchors or points of all levels and images. SSD's are all that have a label,
      whichever its hard-negative mining then takes;
    * of DETR and its kin, the queries of the last decoder layer with the labels that the matching gave them,
      neither those of other layers and the encoder nor those for denoising.

    The mixer lives in the head's ``__dict__`` and forward hooks and copies with it; the state dict does not
    know it.

    Args:
        name: The head's name, for messages.
        head: A bounding box head.
        multimix: What mixes its examples. It becomes ``head.multimix``.
        owner: A mark of the hook that takes it out again; None for a head that mixes for good.
    """

    asked = False
    """Whether the head was asked for its losses."""
    learnt = False
    """Whether a gradient has come back to the mixed one, or there is nothing that it could go to."""
    heard = False
    """Whether the head has called its ``loss_cls``, or had no RoI to call it for."""

    def __init__(
        self,
        name: str,
        head: BaseModule,
        multimix: DetectionMultiMix | DenseRoIMultiMix,
        *,
        owner: object = None,
    ) -> None:
        self.name = name
        self.head = head
        self.loss_cls = getattr(head, 'loss_cls', None)
        self.owner = owner
        head.multimix = multimix  # a part of the head, so that what looks for MultiMix in a model finds it
        if isinstance(head, DIIHead):
            self.method = 'loss_and_target'
        else:
            self.method = 'loss_by_feat' if hasattr(head, 'loss_by_feat') else 'loss'
        self._calls: list[LossCall] | None = None
        self._compute = getattr(head, self.method)
        self._names = argument_names(head, self.method)
        self._origins: Origins | None = None
        head.__dict__[self.method] = self._losses
        if isinstance(head, SSDHead):
            self._compute_single = head.loss_by_feat_single
            head.__dict__['loss_by_feat_single'] = self._ssd_single
        else:
            self._parameters = tuple(inspect.signature(head.loss_cls.forward).parameters)
            self._handle = head.loss_cls.register_forward_pre_hook(self._listen, with_kwargs=True)

    def remove(self) -> None:
        """Leaves the head as it was."""
        del self.head.__dict__[self.method], self.head.multimix
        if isinstance(self.head, SSDHead):
            del self.head.__dict__['loss_by_feat_single']
        else:
            self._handle.remove()

    @staticmethod
    def remove_leftover(head: nn.Module, owners: Collection[object]) -> None:
        """Takes out what a hook has left in a head as its run was interrupted.

        Args:
            head: A head.
            owners: Marks of the hooks of the run that begins, whose mixers stay.
        """
        for value in vars(head).values():
            mixer = getattr(value, '__self__', None)
            if isinstance(mixer, HeadMixer) and mixer.owner is not None and mixer.owner not in owners:
                mixer.remove()
                return

    def describe(self) -> str:
        """One line for the log."""
        mix, head = self.head.multimix, type(self.head).__name__
        own = getattr(self.head, 'loss_cls', None)  # SSD has none
        loss = 'cross-entropy' if own is None else type(own).__name__
        strength = f'alpha={mix.alpha}' if mix.ess is None else f'ess={mix.ess}'
        return (
            f'MultiMix in {self.name} ({head}, {loss}): {mix.form.kind}, {mix.among} examples, '
            f'n={mix.n}, {strength}, loss_weight={mix.loss_weight}, attention={mix.attention}'
        )

    @eager  # a graph would lose where scores are from
    def _losses(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The head's losses, and ``loss_multimix``."""
        if self._calls is not None or kwargs.get('reduction_override') == 'none':
            return self._compute(*args, **kwargs)  # hard-example mining wants the loss of every RoI
        self._calls, self.asked = [], True
        given = {**dict(zip(self._names, args, strict=False)), **kwargs}
        try:
            with self._followed(given) as first:
                if args:
                    args = (first, *args[1:])
                else:
                    kwargs = {**kwargs, self._names[0]: first}
                result = self._compute(*args, **kwargs)
            calls = self._calls
        finally:
            self._calls = self._origins = None
        losses = self._dict_in(result)
        mixed = self._mixed(calls, losses, given)
        for term in () if self.learnt else mixed.values():
            if term.requires_grad:
                term.register_hook(self._note)
            else:
                self.learnt = True
        losses.update(mixed)
        return result

    def _dict_in(self, result: Any) -> dict[str, Any]:
        """The losses in what the method returns; some heads return more."""
        first = result[0] if isinstance(result, (tuple, list)) and result else result
        losses = first['loss_bbox'] if self.method == 'loss_and_target' else first
        if not isinstance(losses, dict):
            kind = type(self.head).__name__
            raise RuntimeError(
                f'{kind}.{self.method} must return a dict of losses, or a tuple that begins with one, to be '
                f'mixed: {self.name} returns a {type(result).__name__}'
            )
        return losses

    def _note(self, gradient: Tensor) -> None:
        self.learnt = True

    @contextmanager
    def _followed(self, given: dict[str, Any]) -> Iterator[Any]:
        """The first argument, its scores tagged where it has to be known from where those of the loss are."""
        mix, first = self.head.multimix, given[self._names[0]]
        if self.method != 'loss_by_feat' or not mix.loss_weight or not (mix.within_image or mix.record):
            yield first
            return
        options: dict[str, Any] = {}
        if mix.record and 'batch_img_metas' in given:
            meta = given['batch_img_metas'][0]
            options.update(boxes=True, shape=meta.get('batch_input_shape', meta['img_shape'])[:2])
            if isinstance(self.head, DETRHead):
                options['queries'] = given[self._names[1]][-1]
        with fwAD.dual_level():
            try:
                self._origins = Origins(first, **options)
            except ValueError as error:
                if mix.within_image:
                    name = f'{self.name} ({type(self.head).__name__})'
                    raise ValueError(f'{name} cannot be mixed with within_image=True: {error}') from error
            yield first if self._origins is None else self._origins.tagged

    def _mixed(self, calls: list[LossCall], losses: dict, given: dict[str, Any]) -> dict[str, Tensor]:
        if isinstance(self.head, DETRHead):
            last = len(given[self._names[0]]) - 1  # the layers come first, in order
            calls = calls[last : last + 1]
        if not calls:
            return self._nothing(losses, given)
        self.heard = True
        mix = self.head.multimix
        if self.method != 'loss_by_feat' and (mix.within_image or mix.record):
            calls[0].origins = _of_rois(given)
        if mix.within_image and mix.loss_weight and any(call.origins is None for call in calls):
            raise RuntimeError(
                f'the logits of the loss of {type(self.head).__name__} are not its scores, reshaped, so that '
                f'images of examples cannot be told: {self.name} cannot be mixed with within_image=True'
            )
        fields = {}
        for field in ('logits', 'labels', 'weights', 'scores', 'origins'):
            values = [getattr(call, field) for call in calls]
            fields[field] = None if values[0] is None else values
        return self._term(given, fields)

    def _term(self, given: dict[str, Any], fields: dict[str, list[Tensor] | None]) -> dict[str, Tensor]:
        """The mixed loss of what the calls were given: lists of the fields of ``LossCall``."""
        return self.head.multimix.losses(
            fields['logits'], fields['labels'], fields['weights'], fields['scores'], fields['origins']
        )

    def _nothing(self, losses: dict, given: dict[str, Any]) -> dict[str, Tensor]:
        """The loss where the head did not call its ``loss_cls``, as some do not without RoIs or objects."""
        first = given[self._names[0]]
        if self.method != 'loss_by_feat':  # logits of no RoIs; where ranks gather, the others wait for them
            self.heard = self.heard or not len(first)
            labels = torch.zeros(0, dtype=torch.long, device=first.device)
            fields = dict(logits=[first[:0]], labels=[labels], weights=None, scores=None)
            return self._term(given, {**fields, 'origins': [first.new_zeros(0, 5).float()]})
        mix = self.head.multimix
        if mix.gather and isinstance(self.head, YOLOXHead):  # which classifies objects alone
            c = self.head.cls_out_channels
            logits = first[0].flatten(2).transpose(1, 2).reshape(-1, c)[:0]
            call = LossCall.of(logits, torch.zeros_like(logits), None)
            fields = dict(logits=[call.logits], labels=[call.labels], weights=None, scores=None, origins=None)
            return self._term(given, fields)
        if mix.gather and mix.loss_weight:
            raise RuntimeError(
                f'{type(self.head).__name__} did not call its loss_cls on this rank, and the others wait for '
                f'its examples: {self.name} cannot be mixed with gather=True'
            )
        if not losses:  # which a detector may look at
            return {}
        anything = next(iter(losses.values()))
        anything = anything[0] if isinstance(anything, (list, tuple)) else anything
        return {'loss_multimix': anything.float().sum() * 0}

    def _listen(self, loss_cls: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        """Takes note of a call of ``loss_cls``, and the tag from its logits."""
        if self._calls is None:
            return None
        given = {**dict(zip(self._parameters, args, strict=False)), **kwargs}
        pred, target = self._parameters[:2]
        logits, origins = self._origin(given[pred])
        # Scores of candidates, as in PAA's assignment, come unreduced; the losses proper are reduced.
        if given.get('reduction_override') != 'none':
            check_call(self.head, self.name, logits, given[target])
            self._calls.append(LossCall.of(logits, given[target], given.get('weight'), origins))
        if self._origins is None:
            return None
        return (logits, *args[1:]) if args else (), kwargs if args else {**kwargs, pred: logits}

    def _origin(self, logits: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits as they would be without MultiMix, and where they are from."""
        if self._origins is None:
            return logits, None
        logits, tag = untagged(logits)
        return logits, None if tag is None else self._origins.of(tag)

    def _ssd_single(self, cls_score: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if self._calls is not None:
            cls_score, origins = self._origin(cls_score)
            given = inspect.signature(self._compute_single).bind(cls_score, *args, **kwargs).arguments
            self._calls.append(LossCall.of(cls_score, given['labels'], given['label_weights'], origins))
        return self._compute_single(cls_score, *args, **kwargs)


def _of_rois(given: dict[str, Any]) -> Tensor | None:
    """Image indices and boxes of the RoIs of a head, ``(b, 5)``."""
    if 'rois' in given:
        return given['rois']
    if 'sampling_results' not in given:
        return None
    rows = []
    for image, result in enumerate(given['sampling_results']):  # of DIIHead, whose RoIs keep their order
        b = len(result.pos_inds) + len(result.neg_inds)
        roi = result.pos_priors.new_full((b, 5), image)
        roi[result.pos_inds, 1:] = result.pos_priors
        roi[result.neg_inds, 1:] = result.neg_priors
        rows.append(roi)
    return torch.cat(rows)
