"""MultiMix over the RoIs that a two-stage detector samples, for losses and heads with a softmax."""

from __future__ import annotations

from torch import Tensor

from .detection_multimix import DetectionMultiMix


class RoIMultiMix(DetectionMultiMix):
    """MultiMix of the RoI embeddings of a mini-batch, as a term beside a detector's own classification loss.

    `DetectionMultiMix` with a softmax over `num_classes + 1` classes, the background a class like the others,
    and without a bound on the number of RoIs, which the detector's sampler sets.

    RoIs of zero label weight were left out by the sampler and take no part.

    Args:
        n: Tuples per step.
        among: Which RoIs are mixed: `'all'` sampled ones, only the `'foreground'`, or `'balanced'`, the
            foreground with as much background.
        loss_weight: Weight of the term.
        m: RoIs per tuple, all of them by default.
        alpha: Dirichlet parameter, or the range it is drawn from.
        alpha_per: `'tuple'` or `'example'`.
    """

    def __init__(
        self,
        n: int = 1000,
        *,
        among: str = 'all',
        loss_weight: float = 0.3,
        m: int | None = None,
        alpha: float | tuple[float, float] = (0.5, 2.0),
        alpha_per: str = 'tuple',
    ) -> None:
        super().__init__(
            n, among=among, loss_weight=loss_weight, m=m, alpha=alpha, alpha_per=alpha_per, max_examples=None
        )

    def losses(
        self, cls_score: Tensor, labels: Tensor, label_weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Computes the term.

        Args:
            cls_score: Logits, `(b, num_classes + 1)`, background last.
            labels: `(b,)`, `num_classes` where background.
            label_weights: `(b,)`, zero where a RoI must not be used.

        Returns:
            `loss_multimix`, a scalar in float32; zero, with gradient zero, where no RoI takes part.
        """
        return super().losses(cls_score, labels, label_weights)
