"""MultiMix in a detector whose config stays as it is."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.runner import Runner

from ...models.detection.detection_multimix import DetectionMultiMix
from ...models.detection.head_mixer import HeadMixer
from ...models.detection.mixable_heads import bbox_heads, classification_losses
from ...models.detection.mixed_form import UnmixableError
from ...utils.unwrap import unwrapped
from .schedule_hook import MultiMixScheduleHook


@HOOKS.register_module()
class MultiMixHook(MultiMixScheduleHook):
    """Adds MultiMix to the classification losses of any detector it can be added to.

    In a config, or beside one::

        custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)
        custom_hooks = [dict(type='MultiMixHook', n=1000, loss_weight=0.1)]

    A list in a config replaces that of its base: repeat the base's `custom_hooks`, if it has any.

    Before training starts it finds the detector's `bbox_head`, or that of its `roi_head`, every stage of a
    cascade; never RPNs, mask or semantic heads. In each it adds `loss_multimix` to the head's losses; what is
    mixed with what, see `HeadMixer` and `ExampleChoice`. Head and loss keep their classes, parameters and
    buffers, checkpoints their keys, inference is untouched, and after training all is as it was.

    Settings are compared in `docs/roi_multimix.md`, for a Faster R-CNN: the defaults gain a point of mAP on
    50 and 100 images of digits, less than seeds differ, and nothing on 25 and on BCCD, where all 292 images
    lose a point. Other families have not been measured.

    Args:
        n: Tuples per step.
        among: `'foreground'`, `'balanced'`, `'class_balanced'` or `'all'`.
        loss_weight: Weight of the term.
        m: Examples per tuple, all by default.
        alpha: Dirichlet parameter, or the range it is drawn from.
        alpha_per: `'tuple'` or `'example'`.
        within_image: Whether the examples of a tuple come from one image.
        gather: Whether to mix the examples of all ranks together; not with `within_image`.
        attention: `'score'` is Dense MultiMix: positions count by the confidence that their label holds
            there; see `DetectionMultiMix`. `'uniform'`: all alike.
        ramp: Epochs, or iterations, over which the weight rises from 0. As `stop`, for all MultiMix in the
            model, that of heads which mix by themselves too.
        stop: Epoch or iteration from which there is no mixing.
        by_epoch: Whether `ramp` and `stop` count epochs.
        interval: Iterations from one estimate of the scalars to the next; see `MultiMixScheduleHook`.

    Raises:
        ValueError: There is nothing it can be added to: with the heads that there are and the reasons.
    """

    def __init__(
        self,
        n: int = 1000,
        *,
        among: str = 'foreground',
        loss_weight: float = 0.1,
        m: int | None = None,
        alpha: float | tuple[float, float] = (0.5, 2.0),
        alpha_per: str = 'tuple',
        within_image: bool = False,
        gather: bool = False,
        attention: str = 'uniform',
        ramp: float = 0,
        stop: float | None = None,
        by_epoch: bool = True,
        interval: int = 50,
    ) -> None:
        super().__init__(ramp, stop, by_epoch=by_epoch, interval=interval)
        self.multimix: dict[str, Any] = dict(
            n=n,
            among=among,
            loss_weight=loss_weight,
            m=m,
            alpha=alpha,
            alpha_per=alpha_per,
            within_image=within_image,
            gather=gather,
            attention=attention,
        )
        DetectionMultiMix(**self.multimix)  # refuses what is out of range before anything is built
        self._mixers: list[HeadMixer] = []

    def before_train(self, runner: Runner) -> None:
        """Adds MultiMix to the heads, once averages of the model exist and weights are loaded."""
        model = unwrapped(runner)
        heads, refused = bbox_heads(model), {}
        for name, head in heads.items():
            try:
                mixer = HeadMixer(name, head, **self.multimix)
            except UnmixableError as error:
                refused[name] = f'{type(head).__name__}: {error}'
                continue
            self._mixers.append(mixer)
            runner.logger.info(mixer.describe())
        reasons = [f'{name}: {reason}' for name, reason in refused.items()]
        if not self._mixers:
            others = [
                f'{name}: {kind}' for name, kind in classification_losses(model).items() if name not in heads
            ]
            lines = [*reasons, *(f'{line}; no head of final classes (bbox_head)' for line in others)]
            seen = '\n'.join(f'  - {line}' for line in lines) or '  (no head with a loss_cls)'
            raise ValueError(
                f'MultiMixHook can be added to none of the heads of {type(model).__name__}:\n{seen}'
            )
        for reason in reasons:
            runner.logger.warning(f'no MultiMix in {reason}')
        super().before_train(runner)

    def after_train(self, runner: Runner) -> None:
        """Takes MultiMix out again."""
        super().after_train(runner)
        while self._mixers:
            self._mixers.pop().remove()
