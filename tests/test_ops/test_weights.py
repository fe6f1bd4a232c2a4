"""Shapes, supports, randomness, and the distribution of the weights."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from tolerances import assert_near

from mmdet_multimix.models import MultiMix
from mmdet_multimix.ops import sample_factors, sample_weights
from mmdet_multimix.ops.weights import Recipe, _log_gamma_cpu, _log_gamma_device, _propose

ALPHAS = [0.05, 0.3, 0.5, 1.0, 2.0, 5.0]


@pytest.mark.parametrize('alpha_per', ['tuple', 'example'])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(('r', 'm'), [(None, None), (3, None), (None, 2), (3, 4)])
def test_rows_on_the_simplex(dtype, alpha_per, r, m):
    rows = sample_weights(50, 7, r=r, m=m, alpha_per=alpha_per, dtype=dtype)
    assert rows.shape == ((50, 7) if r is None else (r, 50, 7)) and rows.dtype == dtype
    assert (rows >= 0).all() and ((rows > 0).sum(dim=-1) == (m or 7)).all()
    assert_near(rows.double().sum(dim=-1), torch.ones(rows.shape[:-1]), dtype)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('alpha', [1e-6, 0.001, 0.01, (0.001, 0.02)])
@pytest.mark.parametrize('m', [1, 2, 5, 100])
def test_small_alphas_do_not_underflow(dtype, alpha, m):
    rows = sample_weights(300, 100, m=m, alpha=alpha, dtype=dtype)
    assert torch.isfinite(rows).all()
    assert ((rows > 0).sum(dim=-1) == m).all()
    assert_near(rows.double().sum(dim=-1), torch.ones(300), dtype)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize('options', [dict(alpha=1e-6), dict(ess=3), dict(m=5, alpha=0.001), dict(r=2, ess=2)])
def test_products_with_weights_are_no_subnormals(dtype, options):
    # A processor multiplies subnormals many times slower.
    info = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32)
    rows = sample_weights(100, 1000, dtype=dtype, **options)
    products = rows[rows > 0].min().double() * 1000 * info.eps  # of a row's sum at most
    assert products >= info.tiny * (1 - 1e-2)


def test_large_alphas_are_uniform():
    rows = sample_weights(300, 10, alpha=1e6, dtype=torch.float64)
    assert (rows - 0.1).abs().max() < 2e-3


def test_one_example():
    assert (sample_weights(5, 1) == 1).all() and (sample_weights(5, 4, m=1).amax(dim=-1) == 1).all()


@pytest.mark.parametrize(
    'options', [dict(), dict(m=3), dict(alpha_per='example'), dict(r=3), dict(alpha=0.05)]
)
def test_generator(options):
    def draw(seed):
        return sample_weights(100, 9, generator=torch.Generator().manual_seed(seed), **options)

    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = draw(1)
    assert torch.equal(first, draw(1)) and not torch.equal(first, draw(2))
    assert torch.equal(state, torch.get_rng_state())  # the global generator was left alone
    torch.manual_seed(1)
    assert torch.equal(first, sample_weights(100, 9, **options))  # and serves where none is given
    assert not torch.equal(state, torch.get_rng_state())


def test_generator_moves_on():
    g = torch.Generator().manual_seed(0)
    assert not torch.equal(sample_weights(9, 9, generator=g), sample_weights(9, 9, generator=g))


@pytest.mark.parametrize(('b', 'm'), [(5, 1), (5, 2), (5, 4), (40, 3)])
def test_every_subset_is_as_likely(b, m):
    n = 20000
    support = sample_weights(n, b, m=m) > 0
    assert stats.chisquare(support.sum(dim=0).numpy()).pvalue > 1e-3
    if m == 2 and b == 5:
        pairs = support.float().T @ support.float()
        counts = pairs[torch.triu_indices(b, b, 1).unbind()]
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def assert_distributed(samples, cdf, lo=1e-5, hi=1 - 1e-5):
    """Kolmogorov-Smirnov inside (lo, hi), where floating point has room; a count outside."""
    samples = np.asarray(samples, dtype=np.float64)
    low, high = cdf(lo), cdf(hi)
    assert stats.binomtest(int((samples <= lo).sum()), samples.size, low).pvalue > 1e-4
    assert stats.binomtest(int((samples >= hi).sum()), samples.size, 1 - high).pvalue > 1e-4
    inside = samples[(samples > lo) & (samples < hi)]
    assert inside.size > 500
    assert stats.kstest(inside, lambda x: (cdf(x) - low) / (high - low)).pvalue > 1e-3


@pytest.mark.parametrize('alpha_per', ['tuple', 'example'])
@pytest.mark.parametrize('m', [2, 3, 6, 12])
@pytest.mark.parametrize('alpha', ALPHAS)
def test_marginals_are_beta(alpha, m, alpha_per):
    rows = sample_weights(20000, 12, m=m, alpha=alpha, alpha_per=alpha_per)
    first = rows[rows > 0].view(-1, m)[:, 0]  # of each tuple's own examples
    assert_distributed(first, stats.beta(alpha, (m - 1) * alpha).cdf)


@pytest.mark.parametrize('alpha', ALPHAS)
def test_sums_of_entries_are_beta_too(alpha):
    """Marginals do not see a dependence between the entries; their sums do."""
    rows = sample_weights(20000, 6, alpha=alpha, dtype=torch.float64)
    assert_distributed(rows[:, 1:4].sum(dim=1), stats.beta(3 * alpha, 3 * alpha).cdf)
    share = rows[:, 0] / rows[:, :2].sum(dim=1)  # and aggregation leaves the inner shares alone
    assert_distributed(share, stats.beta(alpha, alpha).cdf)
    aside = rows[:, 5] / (1 - rows[:, :2].sum(dim=1))
    ok = torch.isfinite(aside)
    assert abs(np.corrcoef(stats.rankdata(share[ok]), stats.rankdata(aside[ok]))[0, 1]) < 0.03


@pytest.mark.parametrize('m', [2, 5])
@pytest.mark.parametrize('alpha', [(0.05, 0.5), (0.5, 2.0)])
def test_one_alpha_per_tuple(alpha, m):
    """Marginals are a mixture of Betas over the range."""
    rows = sample_weights(20000, 5, m=m, alpha=alpha)
    grid = np.linspace(*alpha, 101)
    grid = (grid[1:] + grid[:-1]) / 2

    def cdf(x):
        return np.mean([special.betainc(a, (m - 1) * a, x) for a in grid], axis=0)

    assert_distributed(rows[rows > 0].view(-1, m)[:, 0], cdf)


@pytest.mark.parametrize('m', [2, 4])
def test_one_alpha_per_example(m):
    """Given the alphas of the examples, every pair of examples has their Beta."""
    alphas = torch.tensor([0.1, 0.5, 1.0, 3.0])
    recipe = Recipe.checked(40000, 4, 1, m, (0.1, 3.0), None, 'example', None, 'cpu', torch.float32)
    rows = recipe._draw(40000, alphas)
    for i, j in ((0, 1), (1, 3), (3, 2)):
        both = rows[(rows[:, i] > 0) & (rows[:, j] > 0)].double()
        share = both[:, i] / (both[:, i] + both[:, j])
        assert_distributed(share, stats.beta(alphas[i].item(), alphas[j].item()).cdf)


def test_alphas_per_example_are_shared_by_tuples_and_positions():
    rows = sample_weights(20000, 6, r=2, alpha=(0.05, 3.0), alpha_per='example')
    mean = rows.mean(dim=1)
    assert mean[0].max() - mean[0].min() > 0.1 and (mean[0] - mean[1]).abs().max() < 0.02
    mean = sample_weights(20000, 6, alpha=(0.05, 3.0)).mean(dim=0)
    assert mean.max() - mean.min() < 0.02


@pytest.mark.parametrize('draw', [_log_gamma_cpu, _log_gamma_device])
@pytest.mark.parametrize('alpha', [0.01, 0.05, 0.5, 1.0, 2.5, 20.0])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_samplers_against_the_gamma_distribution(draw, alpha, dtype):
    """Both samplers, the one for accelerators run on the CPU."""
    a = torch.tensor([[0.7], [alpha]], dtype=dtype)
    samples = draw(a, (2, 30001), torch.Generator().manual_seed(3)).double()
    assert stats.kstest(samples[1], stats.loggamma(alpha).cdf).pvalue > 1e-3
    assert stats.kstest(samples[0], stats.loggamma(0.7).cdf).pvalue > 1e-3


def test_few_proposals_are_rejected():
    """Any width of the proposals gives the same distribution; only the right one is fast."""
    for alpha in (1e-12, 0.01, 1.0, 100.0):
        _, accepted = _propose(torch.full((1, 1), alpha), (1, 10_000), None)
        assert accepted.float().mean() > 0.94


def test_rejected_proposals_are_drawn_again(monkeypatch):
    """With one retry at a time some entries need several: the loop has to end with all of them."""
    monkeypatch.setattr('mmdet_multimix.ops.weights._RETRIES', 1)
    a = torch.full((1, 1), 0.05)
    samples = _log_gamma_cpu(a, (1, 50000), torch.Generator().manual_seed(0))[0].double()
    assert stats.kstest(samples, stats.loggamma(0.05).cdf).pvalue > 1e-3
    samples = _log_gamma_cpu(torch.full((4, 3), 0.5), (4, 3), None)
    assert samples.shape == (4, 3) and torch.isfinite(samples).all()


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        (dict(n=0), 'n must be at least 1, got 0'),
        (dict(n=2.5), 'n must be an integer, got 2.5'),
        (dict(b=0), 'b must be at least 1, got 0'),
        (dict(r=0), 'r must be at least 1, got 0'),
        (dict(m=0), 'm must be at least 1, got 0'),
        (dict(m=6), 'm must be at most 5.*got 6'),
        (dict(alpha=0), 'alpha must be positive.*got 0'),
        (dict(alpha=-1.0), 'alpha must be positive.*got -1'),
        (dict(alpha=float('nan')), 'alpha must be positive.*got nan'),
        (dict(alpha=float('inf')), 'alpha must be positive.*got inf'),
        (dict(alpha=(2.0, 0.5)), r'alpha must.*low <= high, got \(2.0, 0.5\)'),
        (dict(alpha=(0.0, 0.5)), 'alpha must be positive'),
        (dict(alpha='high'), "alpha must be a number.*got 'high'"),
        (dict(alpha=(1, 2, 3)), r'alpha must be a number.*\(1, 2, 3\)'),
        (dict(alpha=1e-40), 'alpha must lie in'),
        (dict(alpha_per='batch'), "alpha_per must be one of 'tuple', 'example'; got 'batch'"),
        (dict(dtype=torch.int64), 'dtype must be a floating dtype, got torch.int64'),
        (dict(generator=torch.Generator(), device='meta'), 'generator lives on cpu'),
    ],
)
def test_bad_arguments_are_named(change, match):
    with pytest.raises(ValueError, match=match):
        sample_weights(**{**dict(n=3, b=5), **change})


@pytest.mark.parametrize('options', [dict(), dict(m=2), dict(ess=2.0), dict(r=2)])
def test_counts_may_be_numpys(options):
    counts = {name: np.int64(value) if isinstance(value, int) else value for name, value in options.items()}
    drawn = sample_weights(np.int64(5), np.int64(4), generator=torch.Generator().manual_seed(0), **counts)
    assert torch.equal(drawn, sample_weights(5, 4, generator=torch.Generator().manual_seed(0), **options))


@pytest.mark.parametrize('options', [dict(), dict(m=2), dict(ess=2.0), dict(alpha_per='example'), dict(r=2)])
def test_a_default_device_is_not_that_of_the_draws(options):
    expected = sample_weights(5, 4, generator=torch.Generator().manual_seed(0), **options)
    with torch.device('meta'):  # stands for an accelerator
        drawn = sample_weights(5, 4, generator=torch.Generator('cpu').manual_seed(0), **options)
        assert drawn.device.type == 'cpu' and torch.equal(drawn, expected)
        assert len(sample_factors(3)) == 3


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
@pytest.mark.parametrize('options', [dict(), dict(m=2), dict(ess=2.0, m=3), dict(alpha_per='example')])
def test_a_default_dtype_is_not_that_of_the_draws(options, dtype):
    expected = sample_weights(5, 40, generator=torch.Generator().manual_seed(0), **options)
    given = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)  # as programs do that build their model in it
        drawn = sample_weights(5, 40, generator=torch.Generator().manual_seed(0), **options)
    finally:
        torch.set_default_dtype(given)
    assert torch.equal(drawn, expected)


def test_a_loss_on_the_cpu_is_none_of_the_default_device():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    with torch.device('meta'):
        assert MultiMix(10)(logits, labels).isfinite()
