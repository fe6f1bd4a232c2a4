import math

import pytest
import torch
from tolerances import assert_near

from mmdet_multimix.ops.pair_mixing import (
    align,
    mix_pairs,
    mix_targets,
    sample_factors,
    sinkhorn_assignment,
)

DOUBLE = torch.float64


def reference_mix(x, factors):
    """λ x_i + (1 - λ) x_{i-1}, one example and one factor at a time."""
    return torch.stack([f * x[i] + (1 - f) * x[i - 1] for f in factors for i in range(len(x))])


def reference_assignment(a, b, eps, iterations):
    """Sinkhorn's scaling of exp(-M / eps) in the plain domain, entries in loops; a and b are (d, r)."""
    r = a.shape[1]
    kernel = torch.zeros(r, r, dtype=DOUBLE)
    for i in range(r):
        for j in range(r):
            kernel[i, j] = torch.exp(-((a[:, i] - b[:, j]) ** 2).sum() / eps)
    u, v = [1.0] * r, [1.0] * r
    for _ in range(iterations):
        u = [1 / r / sum(kernel[i, j] * v[j] for j in range(r)) for i in range(r)]
        v = [1 / r / sum(kernel[i, j] * u[i] for i in range(r)) for j in range(r)]
    return torch.stack([torch.stack([r * u[i] * kernel[i, j] * v[j] for j in range(r)]) for i in range(r)])


@pytest.mark.parametrize('shape', [(4, 3), (3, 2, 5, 4), (1, 3)])
@pytest.mark.parametrize('factors', [[0.3], [0.0, 0.25, 1.0]])
def test_mix_against_loops(shape, factors):
    x = torch.randn(shape, dtype=DOUBLE, requires_grad=True)
    mixed, expected = mix_pairs(x, factors), reference_mix(x, factors)
    assert_near(mixed, expected, DOUBLE)
    upstream = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad(y, x, upstream)[0] for y in (mixed, expected))
    assert_near(ours, theirs, DOUBLE)


def test_targets_go_with_their_examples():
    """With one-hot examples as features, mixed features are the mixed targets."""
    labels, factors = torch.tensor([2, 0, 1, 1]), [0.2, 0.7]
    hot = torch.nn.functional.one_hot(labels, 3).double()
    assert_near(mix_targets(labels, factors, 3).double(), mix_pairs(hot, factors), torch.float32)
    soft = torch.rand(4, 3, dtype=DOUBLE)
    assert_near(mix_targets(soft, factors, 3), reference_mix(soft, factors), DOUBLE)


def test_factors_are_sorted_repeatable_and_beta_distributed():
    def draw(K, alpha):
        return torch.tensor(sample_factors(K, alpha=alpha, generator=torch.Generator().manual_seed(1)))

    for alpha in (0.2, 1.0, 2.0):
        factors = draw(20000, alpha)
        assert torch.equal(factors, draw(20000, alpha))
        assert torch.equal(factors, factors.sort().values)
        assert factors[0] >= 0 and factors[-1] <= 1
        variance = 1 / (4 * (2 * alpha + 1))  # of Beta(alpha, alpha)
        assert factors.mean().item() == pytest.approx(0.5, abs=5 * (variance / 20000) ** 0.5)
        assert factors.var().item() == pytest.approx(variance, rel=0.05)
    with pytest.raises(ValueError, match='K must be at least 1'):
        sample_factors(0)


@pytest.mark.parametrize(('b', 'd', 'r'), [(2, 3, 4), (1, 2, 1)])
def test_assignment_and_alignment_against_loops(b, d, r):
    g = torch.Generator().manual_seed(0)
    a, a2 = (torch.randn(b, d, r, dtype=DOUBLE, generator=g) for _ in range(2))
    ours = sinkhorn_assignment(a, a2, eps=0.5, iterations=20)
    expected = torch.stack([reference_assignment(x, y, 0.5, 20) for x, y in zip(a, a2, strict=True)])
    assert_near(ours, expected, DOUBLE)
    moved = torch.zeros_like(a2)
    for k in range(b):
        for i in range(r):
            for j in range(r):
                moved[k, :, i] += expected[k, i, j] * a2[k, :, j]
    assert_near(align(a2, ours), moved, DOUBLE)


@pytest.mark.parametrize('tolerance', [10.0, 0.3, 0.02, 1e-9])
def test_the_iteration_ends_where_the_dual_variables_stand_still(tolerance):
    """In the authors' form: u and v in units of the cost, the change of u summed over rows, averaged over pairs."""
    eps, r = 0.5, 5
    g = torch.Generator().manual_seed(0)
    a, a2 = (torch.randn(3, 2, r, dtype=DOUBLE, generator=g) for _ in range(2))
    cost = (a.transpose(1, 2)[:, :, None] - a2.transpose(1, 2)[:, None]).square().sum(-1)
    u = v = torch.zeros(3, r, dtype=DOUBLE)
    ended = None
    for iteration in range(30):
        before = u
        u = eps * (-math.log(r) - ((v[:, None] - cost) / eps).logsumexp(2))
        v = eps * (-math.log(r) - ((u[:, :, None] - cost) / eps).logsumexp(1))
        if (u - before).abs().sum(1).mean() < tolerance:
            ended = iteration
            break
    expected = r * ((u[:, :, None] + v[:, None] - cost) / eps).exp()
    found = sinkhorn_assignment(a, a2, eps=eps, iterations=30, tolerance=tolerance)
    assert_near(found, expected, DOUBLE)
    assert (ended is None) == (tolerance < 1e-8) and (ended == 0) == (tolerance == 10)


def test_assignment_is_doubly_stochastic_and_undoes_a_permutation():
    a = torch.randn(3, 6, 9)
    order = torch.randperm(9)
    assignment = sinkhorn_assignment(a, a[:, :, order], eps=0.02)
    torch.testing.assert_close(assignment.sum(1), torch.ones(3, 9))
    torch.testing.assert_close(assignment.sum(2), torch.ones(3, 9), atol=1e-3, rtol=0)
    torch.testing.assert_close(align(a[:, :, order], assignment), a, atol=1e-3, rtol=0)


def test_pooling_does_not_see_a_doubly_stochastic_alignment():
    """What AlignMixup right before global average pooling comes to."""
    a, a2 = torch.randn(2, 2, 5, 6, dtype=DOUBLE)
    assignment = sinkhorn_assignment(a, a2, eps=1.0, iterations=2000)
    assert_near(align(a2, assignment).mean(2), a2.mean(2), DOUBLE)
    assert (align(a2, assignment) - a2).abs().max() > 0.1


def test_small_eps_and_half_precision_stay_finite():
    a, a2 = 30 * torch.randn(2, 2, 64, 16)
    assert sinkhorn_assignment(a, a2, eps=1e-3).isfinite().all()
    with torch.autocast('cpu', torch.bfloat16):
        half = sinkhorn_assignment(a.bfloat16(), a2.bfloat16())
        assert half.dtype == torch.float32
        assert align(a2.bfloat16(), half).dtype == torch.bfloat16


def test_assignment_gets_no_gradient_and_aligned_features_do():
    a, a2 = torch.randn(2, 1, 2, 3, dtype=DOUBLE).unbind()
    assert not sinkhorn_assignment(a.requires_grad_(), a2).requires_grad
    assignment = sinkhorn_assignment(a, a2)
    assert torch.autograd.gradcheck(lambda x: align(x, assignment), a2.requires_grad_())


def test_maps_of_other_shapes_are_refused():
    a = torch.rand(1, 2, 3)
    with pytest.raises(ValueError, match=r'\(1, 2, 3\) and \(1, 2, 2\)'):
        sinkhorn_assignment(a, a[:, :, :2])
