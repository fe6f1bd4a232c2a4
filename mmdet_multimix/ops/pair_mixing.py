"""Interpolation of pairs: input and manifold mixup, with K factors multi-mix, and AlignMixup's alignment.

The partner of example i is example i - 1, as in torchvision's MixUp and CutMix: mini-batches are
shuffled, so this is a random pair. With a factor λ the mix is ``λ x_i + (1 - λ) x_{i-1}``.

Shape letters: b examples, c classes, d channels, r positions, K factors of each pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .checks import check_count, check_factor, check_labels, check_number, check_share
from .inputs import compute_dtype, one_hot
from .weights import sample_weights


def sample_factors(
    K: int = 1, *, alpha: float | tuple[float, float] = 1.0, generator: torch.Generator | None = None
) -> list[float]:
    """Draw K interpolation factors ``λ_1 <= ... <= λ_K``, each ~ Beta(alpha, alpha).

    Zhang et al., mixup (ICLR 2018), for K = 1; Shen et al., arXiv 2406.01417, for more: the factors
    are independent given the pair, then sorted, which does not change their mean loss. Beta(alpha,
    alpha) is the Dirichlet distribution over two examples, so the sampler is that of MultiMix.

    They are drawn on the CPU, so that no device has to wait for them.

    Args:
        K: Number of factors.
        alpha: Concentration, or a range to draw it from for each factor.
        generator: Source of randomness on the CPU. None means the global one.

    Raises:
        ValueError: A K below 1, a bad alpha.
    """
    check_count('K', K)
    factors = sample_weights(K, 2, alpha=alpha, generator=generator, dtype=torch.float64)[:, 0]
    return factors.sort().values.tolist()


def mix_pairs(x: Tensor, factors: Sequence[float], partners: Tensor | None = None) -> Tensor:
    """Interpolate every example with its partner, once for each factor.

    Args:
        x: ``(b, ...)``, floating.
        factors: K numbers in [0, 1].
        partners: ``(b, ...)``; None means x rolled by one.

    Returns:
        ``(K * b, ...)``: all examples with the first factor, then with the second, and so on.

    Raises:
        ValueError: Factors outside of [0, 1], partners of another shape.
    """
    partners = x.roll(1, 0) if partners is None else partners
    if partners.shape != x.shape:
        raise ValueError(f'partners must be {tuple(x.shape)} like x, got {tuple(partners.shape)}')
    for factor in factors:
        check_share('each of the factors', factor)
    return torch.cat([torch.lerp(partners, x, factor) for factor in factors])


def mix_targets(targets: Tensor, factors: Sequence[float], c: int) -> Tensor:
    """The targets that belong to :func:`mix_pairs`.

    Args:
        targets: ``(b,)`` integers or ``(b, c)`` soft.
        factors: K numbers in [0, 1].
        c: Number of classes.

    Returns:
        ``(K * b, c)``, float32 at least.

    Raises:
        ValueError: As :func:`mix_pairs`; on the CPU also labels outside of ``[0, c)``.
    """
    check_count('c', c)
    if not targets.is_floating_point():
        check_labels(targets, c)
    dtype = compute_dtype(targets.dtype) if targets.is_floating_point() else torch.float32
    return mix_pairs(one_hot(targets, c, dtype), factors)


def sinkhorn_assignment(
    features: Tensor,
    partners: Tensor,
    *,
    eps: float = 0.1,
    iterations: int = 100,
    tolerance: float | None = None,
) -> Tensor:
    """Soft assignment of positions between feature maps, AlignMixup (CVPR 2022), section 3.

    For one pair with feature maps A and A' (d, r), the cost is ``M_ij = |a_i - a'_j|²``, and the
    transport plan of entropic optimal transport between uniform marginals,

        P* = argmin_P <P, M> - eps H(P)   over   P 1 = Pᵀ 1 = 1/r,

    is found by Sinkhorn's iterations from ``exp(-M / eps)``. The assignment is ``R = r P*``, whose
    rows and columns sum to 1 at convergence. It is computed in the logarithm, where no small eps
    underflows, in float32 at least, and gets no gradient. Columns sum to 1 exactly, rows may be far
    from it where the costs are large beside eps and the iteration ends early.

    With a ``tolerance`` it ends as in the authors' code: after the first iteration in which the dual
    variables u of the rows have changed by less than that, ``mean_pairs Σ_i |Δu_i|``, all pairs of
    the mini-batch together; u has the unit of the cost. What follows changes nothing, so that no device
    has to wait for the test; on the CPU it is not computed.

    Args:
        features: A, ``(b, d, r)``.
        partners: A', ``(b, d, r)``.
        eps: Entropic regularisation.
        iterations: Number of Sinkhorn iterations, at most.
        tolerance: Of the change of u; None never ends early.

    Returns:
        R ``(b, r, r)``, from positions of A (rows) to those of A' (columns).

    Raises:
        ValueError: An eps that is not positive, fewer than one iteration, shapes that do not match.
    """
    check_count('iterations', iterations)
    check_number('eps', eps)
    if tolerance is not None:
        check_factor('tolerance', tolerance)
    if not eps > 0:
        raise ValueError(f'eps must be positive, got {eps!r}')
    if features.dim() != 3 or features.shape != partners.shape:
        raise ValueError(
            'features and partners must be (b, d, r) alike, '
            f'got {tuple(features.shape)} and {tuple(partners.shape)}'
        )
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        dtype = compute_dtype(features.dtype)
        a, a2 = features.to(dtype).transpose(1, 2), partners.to(dtype).transpose(1, 2)  # (b, r, d)
        # Not torch.cdist: its fast path subtracts large squares, and the result is divided by eps.
        center = a.mean(dim=1, keepdim=True)
        a, a2 = a - center, a2 - center
        cost = a.square().sum(2).unsqueeze(2) + a2.square().sum(2).unsqueeze(1) - 2 * a @ a2.transpose(1, 2)
        log_plan = cost.clamp_min(0).div(-eps)
        going = torch.ones((), dtype=torch.bool, device=a.device)
        for iteration in range(iterations):
            rows = log_plan.logsumexp(dim=2, keepdim=True)
            following = log_plan - rows
            following = following - following.logsumexp(dim=1, keepdim=True)
            if tolerance is None:
                log_plan = following
                continue
            log_plan = torch.where(going, following, log_plan)
            # Rows of P sum to 1 / r, those here to 1: that is in u from the first iteration on.
            change = eps * (rows + math.log(a.shape[1]) if iteration == 0 else rows)
            going = going & (change.abs().sum(dim=1).mean() >= tolerance)
            if going.device.type == 'cpu' and not going:
                break
        return log_plan.exp()


def align(partners: Tensor, assignment: Tensor) -> Tensor:
    """Bring the partner's features to the positions of the example's: ``Ã = A' Rᵀ``.

    Args:
        partners: A', ``(b, d, r)``.
        assignment: R, ``(b, r, r)`` from :func:`sinkhorn_assignment`.

    Returns:
        ``(b, d, r)``, in the dtype of the partners.
    """
    with torch.autocast(partners.device.type, enabled=False):
        dtype = assignment.dtype
        return (partners.to(dtype) @ assignment.transpose(1, 2)).to(partners.dtype)
