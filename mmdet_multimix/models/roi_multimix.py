"""MultiMix over the RoIs that a two-stage detector samples: the one core behind the loss and the heads."""

from __future__ import annotations

import torch
from torch import Tensor

from .multimix import MultiMix

AMONG = ('all', 'foreground')


class RoIMultiMix(MultiMix):
    """MultiMix of the RoI embeddings of a mini-batch, as a term beside a detector's own classification loss.

    The examples are RoIs instead of images; b is however many take part. The classifier behind the RoI
    embedding is linear, so the logits are mixed, which equals mixing the embeddings (see
    `mmdet_multimix.ops.mixed_cross_entropy`). The background, the last class, is a class like the others.

    RoIs of zero label weight were left out by the sampler and take no part.

    Deviation from the paper, which mixes images: a detector keeps its own loss on the unmixed RoIs, and this
    loss is added to it with a small weight.

    Args:
        n: Tuples per step.
        among: Which RoIs are mixed: `'all'` sampled ones, or only the `'foreground'`.
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
        super().__init__(n, m=m, alpha=alpha, alpha_per=alpha_per, loss_weight=loss_weight)
        if among not in AMONG:
            raise ValueError(f'among must be one of {AMONG}, got {among!r}')
        self.among = among

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
        keep = torch.ones_like(labels, dtype=torch.bool) if label_weights is None else label_weights > 0
        if self.among == 'foreground':
            keep = keep & (labels < cls_score.size(1) - 1)
        # Selecting by a mask waits for the device, but mmdet's bbox heads have just done so themselves.
        return super().losses(cls_score[keep], labels[keep])
