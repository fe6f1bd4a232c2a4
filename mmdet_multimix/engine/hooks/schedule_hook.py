"""When MultiMix is on, and scalars that tell what it mixes.

Shape letters: b examples, n tuples, c classes.
"""

from __future__ import annotations

import contextlib

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from ...models.classification import ImageClassifier
from ...models.detection.example_choice import ExampleChoice, mixed_weights
from ...models.multimix import MultiMix, mixing_modules
from ...ops.checks import check_count, check_factor, check_flag, check_number
from ...utils.one_line import InputError
from ...utils.unwrap import unwrapped

_DRAWS = 64  # tuples from which the effective numbers are estimated
FAINT = 0.01  # a signal that hardly teaches
WANTED = 0.3  # one that does


@HOOKS.register_module()
class MultiMixScheduleHook(Hook):
    """Ramps the weight of MultiMix up, holds it, and switches it off.

    Acts on every ``MultiMix`` in the model: those of losses, heads and classification heads. The weight is
    ``loss_weight`` of each, times a factor that is computed from the epoch or the iteration alone: 0 at the
    start, rising linearly to 1 at ``ramp``, and 0 again from ``stop`` on. So it is right after a resume, in
    epochs also with another batch size. While it is 0, detectors do not mix, and ``loss_multimix`` is 0 under
    the same key.

    Writes to the log, as ``train/...``,

    * ``multimix_weight``, in every iteration;
    * every ``interval`` iterations ``multimix_signal``, how much the term tells examples apart: its gradient
      for the logits without what moves all examples alike, projected on that of the unmixed loss of the same
      examples, as a share of it, before ``loss_weight``; see ``docs/signal.md``;
    * with it ``multimix_examples``, the number of examples mixed, and the mean effective number, 1 / Σλ², of
      ``multimix_examples_per_tuple`` and of ``multimix_classes_per_tuple``, where λ are the weights of the
      examples, or the shares of the classes, background being one, in a mixed target, before attention.
      They are estimated from 64 tuples.

    All are drawn with generators of their own. Of several heads the mean is logged. The log warns once of a
    signal that stays below 1 % for an epoch.

    Args:
        ramp: Length of the ramp, in epochs, fractions of them too, or iterations.
        stop: Epoch or iteration from which there is no mixing; None means never.
        by_epoch: Whether ``ramp`` and ``stop`` count epochs. A run whose loop counts iterations needs False.
        interval: Iterations from one estimate to the next.

    Raises:
        ValueError: Arguments out of range; ``by_epoch`` where the loop counts iterations or an epoch has
            none; no MultiMix in the model; ``stop`` where a classifier would have no loss then.
    """

    def __init__(
        self, ramp: float = 0, stop: float | None = None, *, by_epoch: bool = True, interval: int = 50
    ) -> None:
        check_factor('ramp', ramp)
        if stop is not None:
            check_number('stop', stop)
            if not stop > ramp:
                raise InputError(f'stop must come after the ramp of {ramp}, got {stop!r}')
        check_flag('by_epoch', by_epoch)
        check_count('interval', interval)
        self.ramp = ramp
        self.stop = stop
        self.by_epoch = by_epoch
        self.interval = interval
        self._weights: list[tuple[MultiMix, float]] = []
        self._signals: list[float] = []
        self._warned = False
        self._waits = False  # for the first iteration, to see what other hooks have added
        self._counts_epochs = False
        self._epoch_length = 0  # 0 where nobody knows it

    def before_train(self, runner: Runner) -> None:
        """Finds what is to be scheduled."""
        loop, scheduled = runner.train_loop, self.ramp or self.stop is not None
        if scheduled and self.by_epoch and not isinstance(loop, EpochBasedTrainLoop):
            raise InputError(
                f'{type(self).__name__} counts epochs, but {type(loop).__name__} counts iterations: '
                'give ramp and stop in iterations and set by_epoch=False'
            )
        self._counts_epochs = bool(scheduled and self.by_epoch)
        self._epoch_length = 0
        with contextlib.suppress(TypeError):  # of an endless sampler without a length
            self._epoch_length = len(runner.train_dataloader)
        if self._counts_epochs and not self._epoch_length:
            raise InputError(
                f'{type(self).__name__} counts epochs, but len(train_dataloader) is 0, an epoch has '
                'no whole batch: lower batch_size, or give ramp and stop in iterations and set by_epoch=False'
            )
        self._weights, self._waits = [], False
        if self._yields(runner):
            return
        # Another hook may add MultiMix to heads, after this one where it comes later.
        self._waits = any(
            type(hook) is not MultiMixScheduleHook and hook is not self for hook in our_hooks(runner)
        )
        if not self._waits:
            self._find(runner)

    def _find(self, runner: Runner) -> None:
        self._weights = [(module, _configured(module)) for module in self._modules(runner)]
        choosing = [module for module, _ in self._weights if isinstance(module, ExampleChoice)]
        if self.stop is not None and self._ends_all(runner):
            raise InputError(
                f'stop={self.stop} ends the only loss of the classifier: give its MultiMix a clean_weight, '
                'such as 0.5, the weight of the loss of the images as they are'
            )
        for number, module in enumerate(choosing):  # so that the stages of a cascade do not draw alike
            module.draws.stream, module.draws.run = number, runner.message_hub.instance_name

    def _ends_all(self, runner: Runner) -> bool:
        """Whether the run goes on behind ``stop`` with a classifier that has no other loss."""
        model, loop = unwrapped(runner), runner.train_loop
        if not isinstance(model, ImageClassifier):  # somebody's own may have other losses
            return False
        mixing = getattr(model.head, 'multimix', None)
        end = loop.max_epochs if self._counts_epochs else loop.max_iters
        return isinstance(mixing, MultiMix) and not mixing.clean_weight and self.stop < end

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Sets the weights of this iteration."""
        if self._waits:
            self._waits = False
            self._find(runner)
        if not self._weights:
            return
        # Not from the iteration, which a resumed run may have counted with batches of another size.
        progress: float = runner.iter
        if self._counts_epochs:
            progress = (runner.epoch * self._epoch_length + batch_idx) / self._epoch_length
        factor = self.factor(progress)
        for module, weight in self._weights:
            module.loss_weight = weight * factor
            module.scheduled = weight, module.loss_weight
        mean = sum(module.loss_weight for module, _ in self._weights) / len(self._weights)
        runner.message_hub.update_scalar('train/multimix_weight', mean)
        watched = self.every_n_train_iters(runner, self.interval)
        for module, _ in self._weights:
            module.watched = watched

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Now and then estimates what was mixed."""
        if not self._weights:
            return
        if self.every_n_train_iters(runner, self.interval):
            modules = [module for module, _ in self._weights]
            # Not of heads that never compute a loss, such as averages of those that learn.
            asked = [module for module in modules if getattr(module, 'mixed_labels', module) is not None]
            found = [mixed_numbers(module) for module in asked or modules]
            means = {key: sum(numbers[key] for numbers in found) / len(found) for key in found[0]}
            signals = [module.signal(seed=runner.iter) for module, _ in self._weights]
            signals = [signal for signal in signals if signal is not None]
            if signals:
                means['signal'] = sum(signals) / len(signals)
                self._signals.append(float(means['signal']))
            for key, mean in means.items():
                runner.message_hub.update_scalar(f'train/multimix_{key}', mean)
        if self.every_n_train_iters(runner, self._epoch_length):
            self._warn(runner)

    def _warn(self, runner: Runner) -> None:
        """Says once that the term has hardly taught for an epoch, and what would."""
        signals, self._signals = self._signals, []
        if not signals or max(signals) >= FAINT or self._warned:
            return
        self._warned = True
        b = runner.message_hub.get_scalar('train/multimix_examples').current()
        remedy = (
            f'. With ess={b / (1 + WANTED * max(b - 1, 0)):.1f} in place of alpha it would start with a '
            f'signal of {WANTED:.0%}'
        )
        by_alpha = all(module.ess is None for module, _ in self._weights)
        runner.logger.warning(
            f'multimix_signal stayed below {FAINT:.0%} for an epoch, {max(signals):.2%} at most: the mixed '
            f'term moves all examples alike and hardly tells them apart{remedy if by_alpha else ""}; see '
            'docs/signal.md'
        )

    def after_train(self, runner: Runner) -> None:
        """Leaves the weights as the config has them."""
        for module, weight in self._weights:
            module.loss_weight, module.watched, module.scheduled = weight, False, None

    def factor(self, progress: float) -> float:
        """The factor after so many epochs, fractions of them too, or iterations."""
        if self.stop is not None and progress >= self.stop:
            return 0.0
        return min(1.0, progress / self.ramp) if self.ramp else 1.0

    def _yields(self, runner: Runner) -> bool:
        """Whether another hook acts in place of this one, which has no schedule.

        A config and its base may each bring one, as those of this package do to log.
        """
        hooks = our_hooks(runner)
        scheduled = [hook for hook in hooks if hook.ramp or hook.stop is not None]
        if len(scheduled) > 1:
            raise InputError(
                'two hooks schedule MultiMix: set ramp and stop of one of them (in configs of this package '
                'default_hooks.multimix; MultiMixHook has them, too)'
            )
        # The one with a schedule acts, else the one that mixes, else the first.
        best = max(hooks, key=lambda hook: (hook in scheduled, type(hook) is not MultiMixScheduleHook))
        return best is not self

    def _modules(self, runner: Runner) -> list[MultiMix]:
        modules = list(mixing_modules(unwrapped(runner)).values())
        if not modules:
            raise InputError(
                'MultiMixScheduleHook has nothing to schedule: the model has no MultiMix. Use MultiMixHook, '
                'MultiMixLoss or a head that mixes'
            )
        return modules


def _configured(module: MultiMix) -> float:
    """The weight that the config gave, also after a run that was interrupted while it was scaled."""
    if module.scheduled is None or module.loss_weight != module.scheduled[1]:
        return module.loss_weight
    return module.scheduled[0]


def our_hooks(runner: Runner) -> list[MultiMixScheduleHook]:
    """The hooks of a run that may schedule MultiMix."""
    return [hook for hook in runner.hooks if isinstance(hook, MultiMixScheduleHook)]


def mixed_numbers(module: MultiMix) -> dict[str, Tensor | float]:
    """How many examples were mixed last, and the effective numbers in a tuple; zeros where there were none.

    Returns:
        ``examples``, ``examples_per_tuple``, ``classes_per_tuple``.
    """
    labels = module.mixed_labels if isinstance(module, ExampleChoice) else module.kept_targets
    if labels is None or not len(labels):
        return dict(examples=0.0, examples_per_tuple=0.0, classes_per_tuple=0.0)
    b = len(labels)
    rows = mixed_weights(module, b, _DRAWS).to(labels.device)  # (n, b)
    if labels.is_floating_point():
        shares = rows @ torch.cat([labels, 1 - labels.sum(dim=1, keepdim=True).clamp(max=1)], dim=1).float()
    else:
        shares = rows @ (labels.unsqueeze(1) == torch.unique(labels)).float()  # (n, c)
    return dict(
        examples=float(b),
        examples_per_tuple=(1 / rows.square().sum(dim=1)).mean(),
        classes_per_tuple=(shares.sum(dim=1).square() / shares.square().sum(dim=1)).mean(),
    )
