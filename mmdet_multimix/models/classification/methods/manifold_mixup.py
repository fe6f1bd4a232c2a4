"""Mixed inner features: manifold mixup and AlignMixup, once or several times for each pair."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from torch import Tensor

from ....ops.checks import check_alpha, check_count, check_factor, check_flag, check_number
from ....ops.pair_mixing import align, mix_pairs, mix_targets, sample_factors, sinkhorn_assignment
from ...multimix import MultiMix
from .base import Classifier, PretrainMethod
from .stages import backbone_stages, changed_output


@MODELS.register_module()
class ManifoldMixup(PretrainMethod):
    """Manifold mixup (Verma et al., ICML 2019): pairs are interpolated at a random stage of the backbone.

    At every iteration one stage is drawn, each with the same probability. Stage 0 is the input, stage s the
    output of the s-th stage of the backbone; later stages see mixed features only. The whole mini-batch
    shares one λ ~ Beta(alpha, alpha).

    With ``K > 1`` it is multi-mix (Shen et al., arXiv 2406.01417): K sorted factors of the same pairs. The
    stages up to the mixed one run once on b images, those behind it on K b, and the loss is the average: time
    and activations are K times as much from the mixed stage on. Batch norm there sees all K b together, where
    K passes would see each K-th by itself.

    Args:
        alpha: Concentration of the Beta distribution. Default 2, as in the paper.
        stages: Stages to draw from; negative ones count from the last, as in a list. The default is that of
            the paper's ResNets.
        K: Factors of each pair.
        stage_names: Names of the backbone's modules that are its stages 1, 2, ...; None means those that the
            backbone lists, see :func:`backbone_stages`.

    Raises:
        ValueError: An alpha that is not positive, a K below 1, no stages. When the classifier is built: a
            stage that the backbone does not have; or MultiMix after mixing at the last stage, where an
            interpolation of interpolations is MultiMix with other weights.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        *,
        stages: Sequence[int] = (0, 1, 2),
        K: int = 1,
        stage_names: Sequence[str] | None = None,
    ) -> None:
        check_alpha(alpha)
        check_count('K', K)
        if not isinstance(stages, (list, tuple)) or not all(type(stage) is int for stage in stages):
            raise ValueError(f'stages must be a list of whole numbers, got {stages!r}')
        if not stages:
            raise ValueError('stages must name at least one stage to mix at')
        self.alpha = alpha
        self.stages = tuple(stages)
        self.K = K
        self.stage_names = stage_names

    def check(self, model: Classifier) -> None:
        """Refuse stages that are not there, and mixing twice at the last one."""
        last = len(backbone_stages(model.backbone, self.stage_names))
        name = type(self).__name__
        for stage in self.stages:
            if not -last <= stage <= last:
                raise ValueError(
                    f'{name}: method.stages={list(self.stages)}, but {type(model.backbone).__name__} has '
                    f'the stages 0 (the input) to {last}'
                )
        at_last = last in {stage % (last + 1) for stage in self.stages}
        if at_last and isinstance(getattr(model.head, 'multimix', None), MultiMix):
            raise ValueError(
                f'{name} at the last stage ({last}) and {type(model.head).__name__} both interpolate the '
                'embeddings there, which is MultiMix with other weights: take the last stage out of '
                'method.stages, or set head.multimix.alpha'
            )

    def __call__(self, model: Classifier, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features and soft targets of the mixed pairs, (K b, ...)."""
        modules = backbone_stages(model.backbone, self.stage_names)
        drawn = self.stages[int(torch.randint(len(self.stages), ()))]
        stage = drawn % (len(modules) + 1)
        factors = sample_factors(self.K, alpha=self.alpha)
        targets = mix_targets(labels, factors, model.head.num_classes)
        if stage == 0:
            return model.extract_feat(mix_pairs(inputs, factors)), targets
        with changed_output(modules[stage - 1], lambda x: self.mix_features(x, factors)):
            return model.extract_feat(inputs), targets

    def mix_features(self, features: Tensor, factors: Sequence[float]) -> Tensor:
        """Mix inner features (b, ...), giving (K b, ...)."""
        return mix_pairs(features, factors)


@MODELS.register_module()
class AlignMixup(ManifoldMixup):
    """AlignMixup (Venkataramanan et al., CVPR 2022), without its autoencoder.

    Feature maps A and A' (d, r) of a pair are aligned before they are interpolated. With the assignment R of
    :func:`~mmdet_multimix.ops.pair_mixing.sinkhorn_assignment` the mix is, with equal chances,

        λ A + (1 - λ) A' Rᵀ      at the positions of A, or
        λ A R + (1 - λ) A'       at those of A'.

    No gradient flows through R. At stage 0 the images are interpolated as they are.

    Stages and stopping rule are those of the authors' code: the last feature map, right before pooling, and
    an iteration that ends where u has changed by less than 0.1. The columns of R sum to 1, its rows only at
    convergence. Global average pooling does not see an assignment whose rows and columns both sum to 1: the
    average of A' Rᵀ is that of A', and that of A R is that of A, so that the pooled embedding is the one of
    manifold mixup (a test shows it).

    At an earlier stage, where the positions matter to the network behind, the early end matters as well: at
    stage -2 of a ResNet-18 with initial weights, 64 positions of CIFAR-10's images, rows sum to 0.06 up to 19
    after a hundred iterations, and the features of a position in A' Rᵀ are multiplied by that. With
    ``normalise_rows`` each row of R is divided by its sum, and each column for A R; the aligned features are
    averages then, wherever the iteration ends. That is ours.

    Args:
        alpha: Concentration of the Beta distribution.
        stages: As for :class:`ManifoldMixup`.
        eps: Entropic regularisation of the assignment.
        iterations: Sinkhorn iterations, at most.
        tolerance: Of the change of u; see :func:`~mmdet_multimix.ops.pair_mixing.sinkhorn_assignment`. None
            never ends early.
        normalise_rows: Whether aligned features are averages of the partner's.
        **kwargs: ``K`` and ``stage_names``, as for :class:`ManifoldMixup`.

    Raises:
        ValueError: As :class:`ManifoldMixup`; an eps that is not positive; at the first iteration, a stage
            that does not give feature maps (b, d, h, w).
    """

    def __init__(
        self,
        alpha: float = 2.0,
        *,
        stages: Sequence[int] = (0, -1),
        eps: float = 0.1,
        iterations: int = 100,
        tolerance: float | None = 0.1,
        normalise_rows: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(alpha, stages=stages, **kwargs)
        check_count('iterations', iterations)
        check_number('eps', eps)
        if tolerance is not None:
            check_factor('tolerance', tolerance)
        check_flag('normalise_rows', normalise_rows)
        if not eps > 0:
            raise ValueError(f'eps must be positive, got {eps!r}')
        self.eps = eps
        self.iterations = iterations
        self.tolerance = tolerance
        self.normalise_rows = normalise_rows

    def mix_features(self, features: Tensor, factors: Sequence[float]) -> Tensor:
        """Align and mix feature maps (b, d, h, w), giving (K b, d, h, w)."""
        if features.dim() != 4:
            raise ValueError(
                f'AlignMixup aligns feature maps (b, d, h, w), the stage gives {tuple(features.shape)}'
            )
        x = features.flatten(2)  # (b, d, r)
        partners = x.roll(1, 0)
        assignment = sinkhorn_assignment(
            x, partners, eps=self.eps, iterations=self.iterations, tolerance=self.tolerance
        )
        at_partner = int(torch.randint(2, ()))
        if at_partner:
            assignment = assignment.transpose(1, 2)
        if self.normalise_rows:
            assignment = assignment / assignment.sum(dim=2, keepdim=True)
        if at_partner:
            x = align(x, assignment)
        else:
            partners = align(partners, assignment)
        return mix_pairs(x, factors, partners).unflatten(2, features.shape[2:])
