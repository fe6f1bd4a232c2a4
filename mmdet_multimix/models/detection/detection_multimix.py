"""MultiMix over the examples of a detector: what the hook, the heads and the loss share.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from ...ops.checks import check_choice
from ..multimix import MultiMix
from .example_choice import ExampleChoice, group_mean
from .mixed_form import MixedForm
from .settings import MixingSettings

ATTENTIONS = ('uniform', 'score')


class DetectionMultiMix(ExampleChoice, MultiMix):
    """MultiMix of RoIs, anchors, points or queries, as a term beside a detector's own classification loss.

    The paper's examples are images; here they are whatever the detector classifies, over all images of the
    mini-batch (unless ``within_image``) and all levels of the pyramid at once. Their logits are mixed, which
    equals mixing what comes before the last, linear, layer (see ``mmdet_multimix.ops.mixed_cross_entropy``).

    ``ExampleChoice`` decides which examples are mixed. With ``attention='score'`` this is the dense form of
    MultiMix for the feature maps of one-stage heads: the chosen examples are positions (or anchors) of all
    levels and images, each with the label that the assigner gave it, and each tuple's weights are multiplied
    by the confidence that the label of an example holds there, and renormalised. ``score_attention`` defines
    it and says where it differs from the paper's, section 3.3.

    Deviations from the paper: the detector keeps its loss on the unmixed examples, to which this one is
    added with a small weight; label weights only say which examples take part; the loss is a mean over
    tuples, whatever the detector divides its own by.

    Args:
        form: Which mixed loss, softmax cross-entropy by default; see ``MixedForm``.
        **settings: The fields of ``MixingSettings``.
    """

    def __init__(self, *, form: MixedForm | None = None, **settings: Any) -> None:
        chosen = MixingSettings(**settings)
        check_choice('attention', chosen.attention, ATTENTIONS)
        super().__init__(**chosen.of_multimix())
        self.set_choice(chosen)
        self.attention = chosen.attention
        self.form = form or MixedForm()

    def losses(
        self,
        logits: Tensor | Sequence[Tensor],
        labels: Tensor | Sequence[Tensor],
        label_weights: Tensor | Sequence[Tensor] | None = None,
        scores: Tensor | Sequence[Tensor] | None = None,
        origins: Tensor | Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Computes the term. Each argument is one tensor, or a list with one for each level or image.

        Args:
            logits: ``(b, c)``.
            labels: ``(b,)``, ``form.background(c)`` where background; or ``(b, c)`` soft, zeros where
                background.
            label_weights: ``(b,)``, zero where an example must not be used.
            scores: ``(b,)``, the quality of each example's box, for the quality focal loss.
            origins: ``(b, 5)`` or ``(b, 1)``, the index of each example's image, and its box; needed within
                images.

        Returns:
            ``loss_multimix``, a scalar in float32; zero, with gradient zero, where no example takes part.

        Raises:
            ValueError: Within images, but ``origins`` are not given.
        """
        levels = [logits] if isinstance(logits, Tensor) else list(logits)
        if not self.loss_weight:
            self.choose_nothing()
            return {'loss_multimix': reduce(torch.add, [level[:0].float().sum() for level in levels]) * 0}
        c = levels[0].shape[-1]
        labels, label_weights, scores, origins = map(_joined, (labels, label_weights, scores, origins))
        with self.drawing(labels.device):
            chosen = self.choose(labels, label_weights, self.form.background(c), origins)
            scores = None if scores is None else scores[chosen]
            targets = self.form.targets(labels[chosen], scores, c)
            return super().losses(_rows(levels, chosen), targets)

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        own = f'among={self.among!r}, form={self.form.kind!r}, max_examples={self.max_examples}'
        more = f'within_image={self.within_image}, attention={self.attention!r}'
        return f'{super().extra_repr()}, {own}, {more}'

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        self.mixed_targets = targets.detach()
        means = []
        for n, (rows, wanted) in self.groups(logits, targets):
            attended = self.form.attention(rows, wanted) if self.attention == 'score' else attention
            means.append((n, self.form.loss(rows, wanted, {**self._options(rows), 'n': n}, attended)))
        return group_mean(means)

    def _unmixed(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self.form.unmixed(logits, targets)


def _joined(parts: Tensor | Sequence[Tensor] | None) -> Tensor | None:
    return parts if parts is None or isinstance(parts, Tensor) else torch.cat(list(parts))


def _rows(levels: list[Tensor], indices: Tensor) -> Tensor:
    """``torch.cat(levels)[indices]``, without copying the logits of all positions to take a few."""
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
            # Rows of other levels stand in where an index is not of this one: no wait for their number. They
            # are spread out, as a device adds up the gradients of one row one after another.
            rows = torch.where(inside, level[local % len(level)], rows)
        start += len(level)
    return rows
