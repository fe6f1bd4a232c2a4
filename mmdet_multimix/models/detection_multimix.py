"""MultiMix over the examples of a detector: the one core behind the hook, the losses and the heads.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..ops.checks import check_choice, check_count
from .mixed_form import MixedForm
from .multimix import MultiMix

AMONG = ('all', 'foreground', 'balanced')
MAX_EXAMPLES = 1024  # as many as two images have RoIs; one-stage heads have up to a million positions


class ExampleChoice:
    """Which of a detector's examples are mixed; for modules that own `among` and `max_examples`.

    Of the examples with a positive label weight, those of

    * `among='foreground'`: an object's label;
    * `'balanced'`: an object's label, and as many of the background, drawn at random;
    * `'all'`: either. Where there are more than `max_examples`, every one with an object's label, and
      background drawn at random until there are as many.

    Never more than `max_examples`: a random subset is mixed where there are. The background drawn is any of
    the head's, not its hard negatives. Drawing uses torch's generator of the device.

    Choosing waits for the device once or twice, right after the head, which has done the same for the same
    labels, computed its own loss.
    """

    among: str
    max_examples: int | None
    generator: torch.Generator | None
    mixed_labels: Tensor | None = None
    """Labels `(b,)`, or soft targets `(b, c)`, of what was mixed last; for scalars and pictures."""

    def _set_choice(self, among: str, max_examples: int | None) -> None:
        check_choice('among', among, AMONG)
        if max_examples is not None:
            check_count('max_examples', max_examples)
        self.among = among
        self.max_examples = max_examples

    def choose(self, labels: Tensor, label_weights: Tensor | None, background: int) -> Tensor:
        """The indices of the examples to mix; `mixed_labels` becomes their labels.

        Args:
            labels: `(b,)` integers, or `(b, c)` soft.
            label_weights: `(b,)`, zero where an example must not be used; None means 1.
            background: The label of the background, or the first column that is none of an object's class.
        """
        if labels.is_floating_point():
            foreground = labels[:, :background].sum(dim=1) > 0
            usable = torch.ones_like(foreground)
        else:
            # Negative labels are ignored by mmdet's assigners; those too large are left in, to be refused.
            usable, foreground = labels >= 0, labels < background
        if label_weights is not None:
            usable = usable & (label_weights > 0)
        chosen = self._chosen(usable & foreground, usable & ~foreground)
        self.mixed_labels = labels[chosen].detach()
        return chosen

    def _chosen(self, foreground: Tensor, background: Tensor) -> Tensor:
        cap = self.max_examples
        if self.among == 'all' and (cap is None or len(foreground) <= cap):
            return (foreground | background).nonzero().flatten()
        objects = cap // 2 if self.among == 'balanced' and cap is not None else cap
        chosen = self._draw(foreground.nonzero().flatten(), objects)
        if self.among == 'foreground':
            return chosen
        wanted = len(chosen) if self.among == 'balanced' else cap - len(chosen)
        return torch.cat([chosen, self._draw(background.nonzero().flatten(), wanted)])

    def _draw(self, indices: Tensor, count: int | None) -> Tensor:
        if count is None or len(indices) <= count:
            return indices
        order = torch.randperm(len(indices), generator=self.generator, device=indices.device)
        return indices[order[:count]]


class DetectionMultiMix(ExampleChoice, MultiMix):
    """MultiMix of RoIs, anchors, points or queries, as a term beside a detector's own classification loss.

    The paper's examples are images; here they are whatever the detector classifies, over all images of the
    mini-batch and all levels of the pyramid at once. Their logits are mixed, which equals mixing what comes
    before the last, linear, layer (see `mmdet_multimix.ops.mixed_cross_entropy`).

    What is mixed with what is said by `ExampleChoice`.

    Deviations from the paper: the detector keeps its loss on the unmixed examples, to which this one is
    added with a small weight; label weights only say which examples take part; the loss is a mean over
    tuples, whatever the detector divides its own by.

    Args:
        n: Tuples per step.
        among: `'foreground'`, `'balanced'` or `'all'`.
        loss_weight: Weight of the term. At 0 nothing is computed.
        m: Examples per tuple, all by default.
        alpha: Dirichlet parameter, or the range it is drawn from.
        alpha_per: `'tuple'` or `'example'`.
        form: Which mixed loss; see `MixedForm`.
        max_examples: The most examples that are mixed, None for no bound.
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
        form: MixedForm | None = None,
        max_examples: int | None = MAX_EXAMPLES,
    ) -> None:
        super().__init__(n, m=m, alpha=alpha, alpha_per=alpha_per, loss_weight=loss_weight)
        self._set_choice(among, max_examples)
        self.form = form or MixedForm()

    def losses(
        self,
        logits: Tensor | Sequence[Tensor],
        labels: Tensor | Sequence[Tensor],
        label_weights: Tensor | Sequence[Tensor] | None = None,
        scores: Tensor | Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Computes the term. Each argument is one tensor, or a list with one for each level or image.

        Args:
            logits: `(b, c)`.
            labels: `(b,)`, `form.background(c)` where background; or `(b, c)` soft, zeros where background.
            label_weights: `(b,)`, zero where an example must not be used.
            scores: `(b,)`, the quality of each example's box, for the quality focal loss.

        Returns:
            `loss_multimix`, a scalar in float32; zero, with gradient zero, where no example takes part.
        """
        levels = [logits] if isinstance(logits, Tensor) else list(logits)
        if not self.loss_weight:
            self.mixed_labels = None
            return {'loss_multimix': sum(level[:0].float().sum() for level in levels) * 0}
        c = levels[0].shape[-1]
        labels, label_weights, scores = map(_joined, (labels, label_weights, scores))
        chosen = self.choose(labels, label_weights, self.form.background(c))
        scores = None if scores is None else scores[chosen]
        targets = self.form.targets(self.mixed_labels, scores, c)
        return super().losses(_rows(levels, chosen), targets)

    def extra_repr(self) -> str:
        """The hyper-parameters, for `print(model)`."""
        own = f'among={self.among!r}, form={self.form.kind!r}, max_examples={self.max_examples}'
        return f'{super().extra_repr()}, {own}'

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        return self.form.loss(logits, targets, self._options(logits))


def _joined(parts: Tensor | Sequence[Tensor] | None) -> Tensor | None:
    return parts if parts is None or isinstance(parts, Tensor) else torch.cat(list(parts))


def _rows(levels: list[Tensor], indices: Tensor) -> Tensor:
    """`torch.cat(levels)[indices]`, without copying the logits of all positions to take a few."""
    if len(levels) == 1:
        return levels[0][indices]
    if not len(indices):
        return torch.cat([level[:0] for level in levels])
    rows = levels[0].new_zeros(len(indices), levels[0].shape[1])
    start = 0
    for level in levels:
        if len(level):
            local = indices - start
            inside = ((local >= 0) & (local < len(level))).unsqueeze(1)
            # Rows of other levels stand in where an index is not of this one: no wait for their number.
            rows = torch.where(inside, level[local.clamp(0, len(level) - 1)], rows)
        start += len(level)
    return rows
