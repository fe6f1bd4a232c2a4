"""Dense MultiMix over the maps of the RoIs that a two-stage detector samples, for softmax classifiers.

Shape letters: b RoIs, d channels, h x w or r positions, c classes with the background.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...ops import multimix_cross_entropy
from ..dense_multimix import DenseMultiMix
from .example_choice import ExampleChoice, group_mean
from .mixed_form import MixedForm
from .settings import MixingSettings

_DEFAULTS = {'n': 200, 'among': 'foreground', 'loss_weight': 0.1, 'attention': 'gap'}


class DenseRoIMultiMix(ExampleChoice, DenseMultiMix):
    """Dense MultiMix of RoI feature maps, as a term beside a detector's own classification loss.

    Section 3.3 of the paper with RoIs for images: every position of a RoI's map is classified by the linear
    classifier of its mean, positions are mixed across RoIs with weights that follow the attention over each
    map. ``ExampleChoice`` decides which RoIs take part.

    Deviations from the paper: as for ``DetectionMultiMix``. The background has no place in a RoI that
    attention could find; its RoIs are mixed like the others, unless ``among='foreground'``.

    Args:
        form: The class weights, if there are any; see ``softmax_form``.
        **settings: The fields of ``MixingSettings``. By default ``n`` is 200, at each position,
            ``among`` is ``'foreground'``, ``loss_weight`` is 0.1, and ``attention`` is ``'gap'``; see
            ``DenseMultiMix`` for its other kinds.
    """

    def __init__(self, *, form: MixedForm | None = None, **settings: Any) -> None:
        chosen = MixingSettings(**{**_DEFAULTS, **settings})
        super().__init__(attention=chosen.attention, **chosen.of_multimix())
        self.set_choice(chosen)
        self.form = form or MixedForm()

    def losses(  # type: ignore[override]  # takes the classifier, as DenseMultiMix does
        self,
        features: Tensor,
        labels: Tensor,
        classifier: nn.Linear,
        label_weights: Tensor | None = None,
        origins: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Computes the term.

        Args:
            features: Maps of the RoIs, ``(b, d, h, w)``.
            labels: ``(b,)``, the last class where background.
            classifier: The linear layer from d to ``num_classes + 1``.
            label_weights: ``(b,)``, zero where a RoI must not be used.
            origins: ``(b, 5)``, the index of each RoI's image, and its box; needed within images.

        Returns:
            ``loss_multimix``, a scalar in float32; zero, with gradient zero, where no RoI takes part.

        Raises:
            ValueError: Within images, but ``origins`` are not given.
        """
        if not self.loss_weight:
            self.choose_nothing()
            return super().losses(features[:0], labels[:0], classifier)
        with self.drawing(labels.device):
            chosen = self.choose(labels, label_weights, classifier.out_features - 1, origins)
            return super().losses(features[chosen], labels[chosen], classifier)

    def extra_repr(self) -> str:
        """The hyper-parameters, for ``print(model)``."""
        own = f'among={self.among!r}, within_image={self.within_image}'
        return f'{super().extra_repr()}, {own}'

    def _mixed(self, logits: Tensor, targets: Tensor, attention: Tensor | None = None) -> Tensor:
        self.mixed_targets, means = targets.detach(), []
        for n, (rows, wanted, attended) in self.groups(logits.transpose(0, 1), targets, attention):
            rows = rows.transpose(0, 1)  # (r, b, c)
            wanted = self.form.targets(wanted, None, rows.shape[2])
            options = {**self._options(rows), 'n': n}
            means.append((n, multimix_cross_entropy(rows, wanted, attention=attended, **options)))
        return group_mean(means)

    def _unmixed(self, logits: Tensor, targets: Tensor) -> Tensor:
        return super()._unmixed(logits, self.form.targets(targets, None, logits.shape[2]))
