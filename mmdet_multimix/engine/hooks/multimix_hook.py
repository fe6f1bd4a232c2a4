"""MultiMix in a detector whose config stays as it is."""

from __future__ import annotations

from typing import Any

from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn

from ...models.detection.detection_multimix import DetectionMultiMix
from ...models.detection.head_mixer import HeadMixer
from ...models.detection.mixable_heads import (
    bbox_heads,
    classification_losses,
    form_in,
    heads_of_other_names,
    unknown,
)
from ...models.detection.mixed_form import UnmixableError
from ...models.multimix import mixing_modules
from ...ops.checks import check_flag
from ...utils.one_line import InputError
from ...utils.unwrap import unwrapped
from .schedule_hook import MultiMixScheduleHook, our_hooks

_OTHER_NAME = 'no head of final classes (bbox_head)'


@HOOKS.register_module()
class MultiMixHook(MultiMixScheduleHook):
    """Adds MultiMix to the classification losses of any detector it can be added to.

    In a config, or beside one::

        custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)
        custom_hooks = [*_base_.get('custom_hooks', []), dict(type='MultiMixHook', ess=3)]

    A list in a config replaces that of its base; this one begins with the base's, if it has any.

    Before training starts it finds the detector's ``bbox_head``, or that of its ``roi_head``, every stage of
    a cascade; never RPNs, mask or semantic heads. In each it adds ``loss_multimix`` to the head's losses, of
    examples that ``HeadMixer`` finds and ``ExampleChoice`` chooses. Head and loss keep their classes,
    parameters and buffers, checkpoints their keys, inference is untouched, the detector's own losses are the
    same to the bit, and after training all is as it was.

    It mixes heads of mmdet that were trained with it (``tools/try_zoo.py`` tries all of mmdet's configs), and
    those derived from one that do not change how the loss is computed. Others are refused, unless ``force``.

    Settings are compared in ``docs/roi_multimix.md``.

    Args:
        ramp: Epochs, or iterations, over which the weight rises from 0. As ``stop``, for all MultiMix in the
            model, that of heads which mix by themselves too.
        stop: Epoch or iteration from which there is no mixing.
        by_epoch: Whether ``ramp`` and ``stop`` count epochs.
        interval: Iterations from one estimate of the scalars to the next; see ``MultiMixScheduleHook``.
        force: Whether to mix heads that nobody has tried, too, if their loss is one that can be mixed.
        **multimix: The fields of ``MixingSettings``, such as ``n``, ``among`` and ``loss_weight``.

    Raises:
        ValueError: There is nothing it can be added to: with the heads that there are and the reasons.
        InputError: After the first mini-batch with objects: a head has computed its losses past the
            mechanism, so that nothing of it was mixed. After ``interval`` iterations: none of the heads was
            asked for its losses, or the detector does not learn what was mixed.
    """

    def __init__(
        self,
        *,
        ramp: float = 0,
        stop: float | None = None,
        by_epoch: bool = True,
        interval: int = 50,
        force: bool = False,
        **multimix: Any,
    ) -> None:
        super().__init__(ramp, stop, by_epoch=by_epoch, interval=interval)
        check_flag('force', force)
        DetectionMultiMix(**multimix)  # refuses what is out of range before anything is built
        self.multimix = multimix
        self.force = force
        self.mark = object()  # of what it has put into heads
        self._mixers: list[HeadMixer] = []
        self._unheard: list[HeadMixer] = []
        self._unlearnt: list[HeadMixer] = []
        self._iterations = 0
        self._replaced = False  # a head or its loss, in the course of this training

    def before_train(self, runner: Runner) -> None:
        """Adds MultiMix to the heads, once averages of the model exist and weights are loaded."""
        model = unwrapped(runner)
        heads, refused = bbox_heads(model), {}
        self._mixers = []
        others = {hook.mark for hook in runner.hooks if isinstance(hook, MultiMixHook) and hook is not self}
        for name, head in heads.items():
            HeadMixer.remove_leftover(head, others)
            try:
                form = form_in(model, name, force=self.force)
            except UnmixableError as error:
                refused[name] = f'{type(head).__name__}: {error}'
                continue
            mixer = HeadMixer(name, head, DetectionMultiMix(form=form, **self.multimix), owner=self.mark)
            self._mixers.append(mixer)
            runner.logger.info(mixer.describe())
            if reason := unknown(type(head)):
                runner.logger.warning(
                    f'force=True: nobody has tried MultiMix in {name} ({type(head).__name__}): {reason}'
                )
        reasons = [f'{name}: {reason}' for name, reason in refused.items()]
        if not self._mixers:
            unlisted = [
                f'{name}: {kind}' for name, kind in classification_losses(model).items() if name not in heads
            ]
            lines = [*reasons, *(f'{line}; {_OTHER_NAME}' for line in unlisted)]
            seen = '\n'.join(f'  - {line}' for line in lines) or '  (no head with a loss_cls)'
            raise InputError(
                f'MultiMixHook can be added to none of the heads of {type(model).__name__}:\n{seen}'
            )
        unlisted = [f'{name}: {kind}; {_OTHER_NAME}' for name, kind in heads_of_other_names(model).items()]
        for reason in [*reasons, *unlisted]:
            runner.logger.warning(f'no MultiMix in {reason}')
        self._unheard, self._unlearnt, self._iterations = list(self._mixers), list(self._mixers), 0
        super().before_train(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Mixes what another hook has put in the place of a head or its loss."""
        model = unwrapped(runner)
        replaced = [mixer.name for mixer in self._mixers if not _is_in(model, mixer)]
        if replaced:
            runner.logger.warning(
                f'another head or loss_cls stands in the place of {", ".join(replaced)}: from iteration '
                f'{runner.iter + 1} on it is mixed, where it can be'
            )
            self._take_out()
            self._replaced = True
            acting = [hook for hook in our_hooks(runner) if hook is not self and hook._weights]
            try:
                self.before_train(runner)
                for hook in acting:
                    hook._waits = True  # for what is scheduled now
            except InputError as error:
                self._go_on_without(runner, error)
        super().before_train_iter(runner, batch_idx, data_batch)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Looks once whether each head has let itself be mixed, and whether that is learnt."""
        self._iterations += 1
        try:
            self._look(runner, data_batch, outputs)
        except InputError as error:
            if not self._replaced:
                raise
            self._go_on_without(runner, error)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def _go_on_without(self, runner: Runner, error: InputError) -> None:
        """Ends the mixing alone, where what came later cannot be mixed: stock mmdet goes on, too."""
        runner.logger.warning(str(error))
        self._take_out()
        self._unheard, self._unlearnt = [], []
        left = list(mixing_modules(unwrapped(runner)).values())  # in heads that mix by themselves
        for hook in our_hooks(runner):
            hook._weights = [(module, weight) for module, weight in hook._weights if module in left]

    def _look(self, runner: Runner, data_batch: dict | None, outputs: dict | None) -> None:
        for mixer in self._unheard:
            if mixer.asked and not mixer.heard and has_objects(data_batch):
                raise InputError(
                    f'MultiMix found nothing to mix in {mixer.name}: {type(mixer.head).__name__} computes '
                    'its losses without calling its loss_cls, so MultiMixHook cannot be used with it'
                )
        self._unheard = [mixer for mixer in self._unheard if not mixer.heard]
        if self._unlearnt:
            logged = not isinstance(outputs, dict) or any('loss_multimix' in str(key) for key in outputs)
            self._unlearnt = [
                mixer for mixer in self._unlearnt if not (mixer.learnt or (mixer.heard and logged))
            ]
        # Not at once: some detectors learn parts of themselves first, or from several mini-batches together.
        if self._iterations >= self.interval and (lines := self._in_vain(runner)):
            raise InputError(f'{lines[0]}. Let it return all of them')
        if self._unheard and self._iterations == self.interval:
            self._say_unheard(runner)
            if not any(mixer.asked for mixer in self._mixers):
                raise InputError(
                    f'{type(unwrapped(runner)).__name__} has asked no head for its losses, so that nothing '
                    f'was mixed: it computes them without a call of {self._mixers[0].method} of '
                    f'{self._mixers[0].name} ({type(self._mixers[0].head).__name__})'
                )

    def _say_unheard(self, runner: Runner) -> None:
        """Names the heads that have had their time; copies never learn, and some tasks are rare."""
        for mixer in self._unheard:
            why = 'called no loss_cls' if mixer.asked else 'was not asked for its losses'
            runner.logger.warning(
                f'nothing was mixed in {mixer.name} ({type(mixer.head).__name__}), which {why} in the first '
                f'{self._iterations} iterations'
            )

    def _in_vain(self, runner: Runner) -> list[str]:
        """Of detectors that pick losses by name, so that the mixed one is in no gradient and no log."""
        detector = type(unwrapped(runner)).__name__
        return [
            f'{detector} does not learn the loss_multimix of its {mixer.name}: it takes other losses of '
            f'{type(mixer.head).__name__} by name'
            for mixer in self._unlearnt
            if mixer.heard
        ]

    def after_train(self, runner: Runner) -> None:
        """Takes MultiMix out again."""
        super().after_train(runner)
        if 0 < self._iterations < self.interval:
            self._say_unheard(runner)
            for line in self._in_vain(runner):
                runner.logger.warning(line)
        self._take_out()
        self._replaced = False

    def _take_out(self) -> None:
        while self._mixers:
            self._mixers.pop().remove()


def _is_in(model: nn.Module, mixer: HeadMixer) -> bool:
    found: Any = model
    for name in mixer.name.split('.'):
        found = getattr(found, name, None)
    return _holds(found, mixer.head) and _holds(getattr(mixer.head, 'loss_cls', None), mixer.loss_cls)


def _holds(found: Any, part: nn.Module | None) -> bool:
    """Whether it is that part, or has it inside, as what ``torch.compile`` returns."""
    return found is part or (isinstance(found, nn.Module) and any(part is inner for inner in found.modules()))


def has_objects(data: Any) -> bool:
    """Whether there is an annotated object anywhere in a mini-batch, of images, branches or videos."""
    if isinstance(data, dict):
        return any(map(has_objects, data.values()))
    if isinstance(data, (list, tuple)):
        return any(map(has_objects, data))
    if not isinstance(data, BaseDataElement):
        return False
    if 'video_data_samples' in data:
        return has_objects(data.video_data_samples)
    return 'gt_instances' in data and len(data.gt_instances) > 0
