"""Tuples by effective sample size: the size asked for is the size drawn, whatever the mini-batch."""

import numpy as np
import pytest
import torch
from scipy import stats
from tolerances import assert_near
from torch.nn import functional as F

from mmdet_multimix.ops import gradient_signal, mixed_cross_entropy, multimix_cross_entropy, sample_weights

F64 = torch.float64


def sizes(rows):
    return 1 / rows.double().square().sum(dim=-1)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(('b', 'm'), [(4, None), (16, None), (128, None), (128, 5), (1000, None)])
@pytest.mark.parametrize('ess', [1.2, 2.0, 3.0, 3.9])
def test_the_size_asked_for_is_the_size_drawn(ess, b, m, dtype):
    n = min(20000, 2_000_000 // b)
    rows = sample_weights(n, b, m=m, ess=ess, dtype=dtype).double()
    squares = rows.square().sum(dim=-1)
    error = float(squares.std()) / n**0.5
    assert abs(float(squares.mean()) - 1 / ess) < 5 * error + 2e-3 / ess
    assert ((rows > 0).sum(dim=-1) == (m or b)).all()


@pytest.mark.parametrize(('ess', 'b', 'm'), [(2.0, 10, None), (5.0, 12, None), (3.0, 12, 6)])
def test_it_is_a_dirichlet_distribution(ess, b, m):
    """The same weights as with alpha = (ess - 1) / (m - ess), from the same draws."""
    alpha = (ess - 1) / ((m or b) - ess)
    draw = [
        sample_weights(500, b, m=m, dtype=F64, generator=torch.Generator().manual_seed(4), **strength)
        for strength in (dict(ess=ess), dict(alpha=alpha))
    ]
    assert_near(*draw, F64)
    rows = sample_weights(20000, b, m=m, ess=ess, dtype=F64)
    first = rows[rows > 0].view(-1, m or b)[:, 0].numpy()
    inside = first[(first > 1e-5) & (first < 1 - 1e-5)]
    cdf = stats.beta(alpha, ((m or b) - 1) * alpha).cdf
    low, high = cdf([1e-5, 1 - 1e-5])
    assert stats.kstest(inside, lambda x: (cdf(x) - low) / (high - low)).pvalue > 1e-3


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ('ess', 'b', 'm'), [(4.0, 4, None), (9, 4, None), (3.0, 9, 3), (2.0, 1, None), (7.5, 9, 1)]
)
def test_a_size_that_the_tuple_cannot_have_is_uniform(ess, b, m, dtype):
    rows = sample_weights(50, b, m=m, ess=ess, dtype=dtype)
    size = m or b
    assert ((rows > 0).sum(dim=-1) == size).all()
    assert_near(rows[rows > 0], torch.full((50 * size,), 1 / size, dtype=F64), dtype)


def test_a_range_is_drawn_for_each_tuple():
    low, high, b = 2.0, 6.0, 64
    rows = sample_weights(40000, b, ess=(low, high), dtype=F64)
    # Given its size k a tuple has the mean square 1 / k, so that over the range it is the mean of 1 / k.
    expected = np.log(high / low) / (high - low)
    squares = rows.square().sum(dim=-1)
    assert abs(float(squares.mean()) - expected) < 5 * float(squares.std()) / 200
    # Tuples differ in size more than those of one size do.
    fixed = sample_weights(40000, b, ess=1 / expected, dtype=F64)
    assert squares.std() > 1.1 * fixed.square().sum(dim=-1).std()
    some = sample_weights(4000, 3, ess=(2.0, 4.0), dtype=F64)  # a half of them has 3 and more
    uniform = ((some - 1 / 3).abs() < 1e-12).all(dim=-1).double().mean()
    assert abs(float(uniform) - 0.5) < 0.05


@pytest.mark.parametrize('ess', [1 + 1e-15, (1 + 1e-15, 1 + 1e-9), 1.0000001])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16])
def test_tuples_of_hardly_more_than_one_example(ess, dtype):
    rows = sample_weights(200, 50, ess=ess, dtype=dtype)
    assert torch.isfinite(rows).all() and (rows.amax(dim=-1) > 0.98).all()


def test_close_to_uniform_stays_finite():
    rows = sample_weights(200, 3, ess=(2.999999, 3.000001))
    assert torch.isfinite(rows).all() and (rows - 1 / 3).abs().max() < 0.02


@pytest.mark.parametrize('attention', [False, True])
def test_the_loss_that_draws_its_weights(attention):
    logits, labels = torch.randn(3, 8, 5, dtype=F64, requires_grad=True), torch.randint(5, (8,))
    a = torch.rand(8, 3, dtype=F64) if attention else None
    from mmdet_multimix.ops import attend

    rows = sample_weights(40, 8, r=3, ess=(2, 3), dtype=F64, generator=torch.Generator().manual_seed(2))
    plain = mixed_cross_entropy(logits, labels, attend(rows, a) if attention else rows, impl='plain')
    drawn = multimix_cross_entropy(
        logits, labels, 40, ess=(2, 3), attention=a, generator=torch.Generator().manual_seed(2)
    )
    assert_near(drawn, plain, F64, 'loss')
    assert_near(torch.autograd.grad(drawn, logits)[0], torch.autograd.grad(plain, logits)[0], F64)


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (dict(ess=1.0), 'ess must be above 1.*got 1.0'),
        (dict(ess=0), 'ess must be above 1.*got 0'),
        (dict(ess=float('nan')), 'ess must be above 1.*got nan'),
        (dict(ess=float('inf')), 'ess must be above 1.*got inf'),
        (dict(ess=(3, 2)), r'ess must.*low <= high, got \(3, 2\)'),
        (dict(ess='three'), "ess must be a number or a .* pair, got 'three'"),
        (dict(ess=3, alpha=1.0), 'give one of them, got alpha=1.0 and ess=3'),
        (dict(ess=3, alpha_per='example'), "ess.*alpha_per='tuple', got 'example'"),
    ],
)
def test_bad_sizes_are_named(change, match):
    with pytest.raises(ValueError, match=match):
        sample_weights(3, 5, **change)


def gradients(logits, labels, rows):
    """Of the mixed loss and of the plain one, both means over what they are of."""
    logits = logits.clone().requires_grad_()
    mixed = torch.autograd.grad(mixed_cross_entropy(logits, labels, rows), logits)[0]
    own = torch.autograd.grad(F.cross_entropy(logits, labels), logits)[0]
    return mixed, own


@pytest.mark.parametrize(
    ('b', 'strength'),
    [(16, dict(ess=3)), (64, dict(ess=2)), (64, dict(alpha=1.0)), (128, dict(alpha=2 / 128))],
)
def test_the_signal_of_small_logits_is_that_of_theory(b, strength):
    """1 / (b alpha + 1), to first order in the logits."""
    labels = torch.randint(10, (b,))
    rows = sample_weights(200000 // 8, b, dtype=F64, **strength)
    signal = gradient_signal(*gradients(torch.zeros(b, 10, dtype=F64), labels, rows))
    alpha = strength.get('alpha') or (strength['ess'] - 1) / (b - strength['ess'])
    assert abs(float(signal) * (b * alpha + 1) - 1) < 0.05


def test_the_signal_is_a_projection_of_what_tells_examples_apart():
    mixed, own = torch.randn(2, 7, 4, dtype=F64)
    expected = 0.0
    norm = 0.0
    for k in range(4):  # in loops, over classes and examples
        mean_mixed, mean_own = sum(mixed[:, k]) / 7, sum(own[:, k]) / 7
        for i in range(7):
            expected += (mixed[i, k] - mean_mixed) * (own[i, k] - mean_own)
            norm += (own[i, k] - mean_own) ** 2
    assert_near(gradient_signal(mixed, own), expected / norm, F64)
    assert_near(gradient_signal(own, own), torch.ones((), dtype=F64), F64)
    assert_near(gradient_signal(own + torch.randn(4, dtype=F64), own), torch.ones((), dtype=F64), F64)
    assert_near(gradient_signal(0.3 * own, own), torch.tensor(0.3, dtype=F64), F64)


def test_the_signal_of_nothing_is_zero():
    assert gradient_signal(torch.zeros(0, 4), torch.zeros(0, 4)) == 0
    assert gradient_signal(torch.ones(1, 4), torch.ones(1, 4)) == 0  # one example: nothing to tell apart
    assert gradient_signal(torch.randn(3, 4), torch.zeros(3, 4)) == 0
