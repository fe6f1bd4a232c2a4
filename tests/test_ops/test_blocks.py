"""Sizes on both sides of every boundary between blocks; what is not in a block is lost."""

import pytest
import torch
from largest import Largest
from tolerances import assert_near

from mmdet_multimix.ops import (
    attend,
    fused,
    mixed_binary_cross_entropy,
    mixed_cross_entropy,
    multimix_binary_cross_entropy,
    multimix_cross_entropy,
    sample_weights,
    weights,
)

F64 = torch.float64


def both(loss, p):
    results = []
    for impl in ('fused', 'plain'):
        logits = p.logits().detach().requires_grad_()
        value = loss(logits, p.targets, p.weights, impl=impl)
        leaves = [logits, p.weights] + ([p.targets] if p.targets.is_floating_point() else [])
        results.append([value, *torch.autograd.grad(value, leaves)])
    return zip(*results, strict=True)


@pytest.mark.parametrize('loss', [mixed_cross_entropy, mixed_binary_cross_entropy])
@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize(('r', 'b', 'c'), [(None, 3, 4), (1, 3, 4), (5, 3, 4), (5, 7, 2)])
def test_every_split_of_rows_and_positions(problem, tiny_blocks, loss, targets, r, b, c):
    for n in (1, 2, 3, 4, 5, 7, 8, 9):
        p = problem(r=r, b=b, c=c, n=n, targets=targets)
        for budget in (1, c, 2 * c, 4 * c - 1, 4 * c, 4 * c + 1, 2 * n * c, 3 * n * c):
            tiny_blocks(budget, 1)
            for got, wanted in both(loss, p):
                assert_near(got, wanted, F64, f'n={n}, budget={budget}')


@pytest.mark.parametrize('loss', [mixed_cross_entropy, mixed_binary_cross_entropy])
@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize('b', [3, 7])
def test_new_memory_holds_no_gradient_yet(problem, tiny_blocks, loss, targets, b):
    p = problem(r=2, b=b, c=5, targets=targets)
    tiny_blocks(10, 1)
    torch.use_deterministic_algorithms(True)  # torch.empty gives NaN then
    try:
        results = list(both(loss, p))
    finally:
        torch.use_deterministic_algorithms(False)
    for got, wanted in results:
        assert_near(got, wanted, F64)


@pytest.mark.parametrize('n', [511, 512, 513, 1025])
def test_real_block_of_logits(problem, n):
    c = fused._BLOCK_CPU // 512
    p = problem(b=3, c=c, n=n)
    for got, wanted in both(mixed_cross_entropy, p):
        assert_near(got, wanted, F64)


@pytest.mark.parametrize('budget', [1, 3, 6, 7, 12, 20, 24, 59, 60, 61, 10**6])
@pytest.mark.parametrize(('r', 'attention'), [(None, False), (1, False), (5, False), (1, True), (5, True)])
def test_drawn_weights_are_those_of_sample_weights(tiny_blocks, budget, r, attention):
    """Equal loss and gradient means that every block was drawn once and put in its place."""
    tiny_blocks(8, budget)
    b, c, n = 3, 4, 4
    logits = torch.randn((b, c) if r is None else (r, b, c), dtype=F64, requires_grad=True)
    labels = torch.randint(0, c, (b,))
    a = torch.rand(b, r, dtype=F64) if attention else None
    state = torch.Generator().manual_seed(1)
    drawn = multimix_cross_entropy(logits, labels, n, attention=a, generator=state)
    rows = sample_weights(n, b, r=r, generator=torch.Generator().manual_seed(1), dtype=F64)
    if attention:
        rows = attend(rows, a)
    plain = mixed_cross_entropy(logits, labels, rows, impl='plain')
    assert_near(drawn, plain, F64, 'loss')
    assert_near(torch.autograd.grad(drawn, logits)[0], torch.autograd.grad(plain, logits)[0], F64)


@pytest.mark.parametrize('loss', [multimix_cross_entropy, multimix_binary_cross_entropy])
@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize(('b', 'c'), [(5, 7), (7, 5)])
@pytest.mark.parametrize(('r', 'attention', 'm'), [(None, False, None), (6, False, 2), (6, True, None)])
def test_no_tensor_is_larger_than_a_block(tiny_blocks, loss, targets, b, c, r, attention, m):
    budget, n = 350, 300
    tiny_blocks(budget, budget)
    logits = torch.randn((b, c) if r is None else (r, b, c), requires_grad=True)
    y = torch.rand(b, c) if targets == 'soft' else torch.randint(0, c, (b,))
    with Largest() as seen:
        loss(logits, y, n, m=m, attention=torch.rand(b, r) if attention else None).backward()
    assert budget / 2 < seen.numel <= budget


@pytest.mark.parametrize('loss', [mixed_cross_entropy, mixed_binary_cross_entropy])
def test_given_weights_are_walked_through_by_the_block(tiny_blocks, loss):
    b, c, n, budget = 3, 70, 200, 1400
    tiny_blocks(budget, budget)
    with Largest() as seen:
        loss(torch.randn(b, c, requires_grad=True), torch.arange(b), sample_weights(n, b)).backward()
    assert budget / 2 < seen.numel <= budget  # the mixed logits of all tuples have n c = 14,000


@pytest.mark.parametrize('excess', [-1, 0, 1])
def test_real_block_of_weights(excess):
    b = 64
    n = weights._BLOCK_CPU // b + excess
    recipe = weights.Recipe.checked(n, b, 2, None, 1.0, None, 'tuple', None, 'cpu', torch.float32)
    assert (recipe.block_shape()[1] < n) == (excess > 0)
    rows = sample_weights(n, b, r=2)
    assert rows.shape == (2, n, b)
    assert_near(rows.sum(dim=-1), torch.ones(2, n), torch.float32)
    assert (rows > 0).all()


def test_blocks_cover_every_row_once():
    for n, b, r in [(1, 1, 1), (5, 3, 7), (10**6, 128, 1), (3000, 1000, 3), (2, 10**6, 2)]:
        recipe = weights.Recipe.checked(n, b, r, None, 1.0, None, 'tuple', None, 'cpu', torch.float32)
        q, k = recipe.block_shape()
        assert 1 <= q <= r and 1 <= k <= n and (q == 1 or k == n)
        assert q * k * b <= max(weights._BLOCK_CPU, b)
        spans = [range(s, min(s + k, n)) for s in range(0, n, k)]
        assert sum(map(len, spans)) == n
