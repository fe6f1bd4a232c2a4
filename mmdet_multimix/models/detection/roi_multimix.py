"""MultiMix and Dense MultiMix over the RoIs that a two-stage detector samples, for softmax classifiers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...ops import multimix_cross_entropy
from ..multimix import DenseMultiMix
from .detection_multimix import DetectionMultiMix
from .example_choice import ExampleChoice, group_mean
from .mixed_form import MixedForm


class RoIMultiMix(DetectionMultiMix):
    """MultiMix of the RoI embeddings of a mini-batch, as a term beside a detector's own classification loss.

    `DetectionMultiMix` with a softmax over `num_classes + 1` classes, the background a class like the others,
    and without a bound on the number of RoIs, which the detector's sampler sets.

    RoIs of zero label weight were left out by the sampler and take no part.

    Its defaults are those that did best where settings were compared, see `docs/roi_multimix.md`.

    Args:
        n: Tuples per step.
        among: Which RoIs are mixed: only the `'foreground'`, `'balanced'`, the foreground with as much
            background, `'class_balanced'`, or `'all'` sampled ones; see `ExampleChoice`.
        loss_weight: Weight of the term.
        m: RoIs per tuple, all of them by default.
        alpha: Dirichlet parameter, or the range it is drawn from.
        alpha_per: `'tuple'` or `'example'`.
        within_image: Whether the RoIs of a tuple come from one image.
        gather: Whether to mix the RoIs of all ranks together; not with `within_image`.
        form: The class weights, if there are any; see `softmax_form`.
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
        form: MixedForm | None = None,
    ) -> None:
        super().__init__(
            n,
            among=among,
            loss_weight=loss_weight,
            m=m,
            alpha=alpha,
            alpha_per=alpha_per,
            form=form,
            max_examples=None,
            within_image=within_image,
            gather=gather,
        )

    def losses(
        self,
        cls_score: Tensor,
        labels: Tensor,
        label_weights: Tensor | None = None,
        rois: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Computes the term.

        Args:
            cls_score: Logits, `(b, num_classes + 1)`, background last.
            labels: `(b,)`, `num_classes` where background.
            label_weights: `(b,)`, zero where a RoI must not be used.
            rois: `(b, 5)`, the index of each RoI's image, and its box; needed within images.

        Returns:
            `loss_multimix`, a scalar in float32; zero, with gradient zero, where no RoI takes part.

        Raises:
            ValueError: Within images, but `rois` are not given.
        """
        return super().losses(cls_score, labels, label_weights, rois=rois)


class DenseRoIMultiMix(ExampleChoice, DenseMultiMix):
    """Dense MultiMix of RoI feature maps, as a term beside a detector's own classification loss.

    Section 3.3 of the paper with RoIs for images: every position of a RoI's map is classified by the linear
    classifier of its mean, positions are mixed across RoIs with weights that follow the attention over each
    map. Which RoIs take part is said by `ExampleChoice`; there is no bound but the sampler's.

    Deviations from the paper: as for `DetectionMultiMix`. The background has no place in a RoI that
    attention could find; its RoIs are mixed like the others, unless `among='foreground'`.

    Args:
        n: Tuples per step and position.
        among: `'foreground'`, `'balanced'`, `'class_balanced'` or `'all'`.
        loss_weight: Weight of the term. At 0 nothing is computed.
        attention: `'gap'`, `'cam'`, `'mean'` or `'uniform'`; see `DenseMultiMix`.
        m: RoIs per tuple, all of them by default.
        alpha: Dirichlet parameter, or the range it is drawn from.
        alpha_per: `'tuple'` or `'example'`.
        within_image: Whether the RoIs of a tuple come from one image.
        gather: Whether to mix the RoIs of all ranks together; not with `within_image`.
        form: The class weights, if there are any; see `softmax_form`.
    """

    def __init__(
        self,
        n: int = 200,
        *,
        among: str = 'foreground',
        loss_weight: float = 0.1,
        attention: str = 'gap',
        m: int | None = None,
        alpha: float | tuple[float, float] = (0.5, 2.0),
        alpha_per: str = 'tuple',
        within_image: bool = False,
        gather: bool = False,
        form: MixedForm | None = None,
    ) -> None:
        super().__init__(
            n,
            attention=attention,
            m=m,
            alpha=alpha,
            alpha_per=alpha_per,
            loss_weight=loss_weight,
            gather=gather,
        )
        self._set_choice(among, None, within_image)
        self.form = form or MixedForm()

    def losses(
        self,
        features: Tensor,
        labels: Tensor,
        classifier: nn.Linear,
        label_weights: Tensor | None = None,
        rois: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Computes the term.

        Args:
            features: Maps of the RoIs, `(b, d, h, w)`.
            labels: `(b,)`, the last class where background.
            classifier: The linear layer from d to `num_classes + 1`.
            label_weights: `(b,)`, zero where a RoI must not be used.
            rois: `(b, 5)`, the index of each RoI's image, and its box; needed within images.

        Returns:
            `loss_multimix`, a scalar in float32; zero, with gradient zero, where no RoI takes part.

        Raises:
            ValueError: Within images, but `rois` are not given.
        """
        if self.loss_weight:
            chosen = self.choose(labels, label_weights, classifier.out_features - 1, rois)
        else:
            self._choose_nothing()
            chosen = labels.new_zeros(0, dtype=torch.long)
        return super().losses(features[chosen], labels[chosen], classifier)

    def extra_repr(self) -> str:
        """The hyper-parameters, for `print(model)`."""
        own = f'among={self.among!r}, within_image={self.within_image}'
        return f'{super().extra_repr()}, {own}'

    def _dense(self, logits: Tensor, labels: Tensor, attention: Tensor) -> Tensor:
        self.mixed_targets, means = labels.detach(), []
        for n, (rows, wanted, attended) in self.groups(logits.transpose(0, 1), labels, attention):
            rows = rows.transpose(0, 1)  # (r, b, c)
            wanted = self.form.targets(wanted, None, rows.shape[2])
            options = {**self._options(rows), 'n': n}
            means.append((n, multimix_cross_entropy(rows, wanted, attention=attended, **options)))
        return group_mean(means)
