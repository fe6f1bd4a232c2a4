"""Values and gradients, against the loops over embeddings in reference.py, and properties."""

import pytest
import torch
from tolerances import assert_near
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from mmdet_multimix.ops import mixed_cross_entropy, reference, sample_weights

F64 = torch.float64
IMPLS = ('fused', 'plain')
SHAPES = {
    'no positions': dict(),
    'r=1': dict(r=1),
    'r=3': dict(r=3),
    'n=1': dict(n=1),
    'n<b': dict(n=2, b=7),
    'n>b': dict(n=17, b=3),
    'm=1': dict(m=1, n=9),
    'm<b': dict(m=2, n=9),
    'm<b, r=2': dict(m=3, r=2),
    'b=1': dict(b=1),
    'c=1': dict(c=1),
    'c=2': dict(c=2),
    'b>c': dict(b=9, c=2, r=2, n=4),
    'b=c': dict(b=4, c=4),
}


def reference_loss(p):
    if p.z.dim() == 2:
        return reference.multimix(p.z, p.targets, p.weights, p.w, p.bias)
    uniform = torch.ones(p.z.shape[0], p.z.shape[2], dtype=F64)
    # Attention all alike leaves normalised rows as they are, but hides how the loss depends on
    # rows that are not normalised: so each position goes to the loop on its own.
    assert_near(reference.attended(p.weights[0, 0].detach(), uniform[:, 0]), p.weights[0, 0], F64)
    everywhere = p.targets.dim() == (2 if p.targets.is_floating_point() else 1)
    losses = [
        reference.multimix(p.z[:, :, j], p.targets if everywhere else p.targets[j], w, p.w, p.bias)
        for j, w in enumerate(p.weights)
    ]
    return sum(losses) / len(losses)


@pytest.mark.parametrize('impl', IMPLS)
@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize('shape', SHAPES)
def test_equals_the_reference_on_embeddings(problem, shape, targets, impl):
    p = problem(**SHAPES[shape], targets=targets)
    expected = reference_loss(p)
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights, impl=impl)
    assert_near(loss, expected, F64, 'loss')
    wanted, got = p.grads(expected), p.grads(loss)
    # The bias is added once per mixed embedding in the paper, and once per example here: the same for
    # rows that sum to 1, which the derivative for the weights leaves. Project it back on them.
    for grads in (wanted, got):
        grads['weights'] = grads['weights'] - grads['weights'].mean(dim=-1, keepdim=True)
    for name, grad in got.items():
        assert_near(grad, wanted[name], F64, name)


@pytest.mark.parametrize('targets', ['integer at r', 'soft at r'])
@pytest.mark.parametrize('impl', IMPLS)
def test_targets_per_position(problem, targets, impl):
    p = problem(r=3, b=4, targets=targets)
    expected = reference_loss(p)
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights, impl=impl)
    assert_near(loss, expected, F64, 'loss')
    wanted, got = p.grads(expected), p.grads(loss)
    for name in sorted(got.keys() - {'weights'}):
        assert_near(got[name], wanted[name], F64, name)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('targets', ['integer', 'soft'])
def test_fused_equals_plain_for_weights_of_any_sum(problem, shape, targets):
    p = problem(**SHAPES[shape], targets=targets)
    p.weights = (p.weights.detach() * torch.rand_like(p.weights) * 2).requires_grad_()
    results = {}
    for impl in IMPLS:
        logits = p.logits().detach().requires_grad_()
        loss = mixed_cross_entropy(logits, p.targets, p.weights, impl=impl)
        leaves = [logits, p.weights] + ([p.targets] if targets == 'soft' else [])
        results[impl] = [loss, *torch.autograd.grad(loss, leaves)]
    for fused, plain in zip(results['fused'], results['plain'], strict=True):
        assert_near(fused, plain, F64)


@pytest.mark.parametrize('shape', ['no positions', 'r=3', 'b>c', 'b=1', 'm<b'])
@pytest.mark.parametrize('targets', ['integer', 'soft'])
def test_gradcheck(problem, shape, targets):
    p = problem(**SHAPES[shape], targets=targets)
    leaves = [p.logits().detach().requires_grad_(), p.weights]
    if targets == 'soft':
        leaves.append(p.targets)

        def f(logits, weights, y):
            return mixed_cross_entropy(logits, y, weights)
    else:

        def f(logits, weights):
            return mixed_cross_entropy(logits, p.targets, weights)

    assert torch.autograd.gradcheck(f, leaves)


def test_upstream_gradients_that_are_not_one(problem):
    """The loss inside a larger graph, twice with different factors, and over shared logits."""
    p = problem(r=2)
    other = sample_weights(4, 5, r=2, dtype=F64)

    def total(loss, impl):
        kw = dict(impl=impl)
        first = loss(p.logits(), p.targets, p.weights, **kw)
        second = loss(p.logits() * 2, p.targets, other, **kw)
        return first.square() * 3 - 0.25 * second.exp() + (first * second).sin()

    fused = p.grads(total(mixed_cross_entropy, 'fused'))
    plain = p.grads(total(mixed_cross_entropy, 'plain'))
    for name in fused:
        assert_near(fused[name], plain[name], F64, name)


def test_backward_again_through_a_retained_graph(problem):
    p = problem()
    logits = p.logits().detach().requires_grad_()
    loss = mixed_cross_entropy(logits, p.targets, p.weights)
    (once,) = torch.autograd.grad(loss, logits, retain_graph=True)
    wanted = once.clone()
    for times in (1, 2, 3):
        loss.backward(retain_graph=True)
        assert_near(logits.grad, times * wanted, F64)
    logits.grad.zero_()
    loss.backward()
    assert_near(logits.grad, wanted, F64)
    assert torch.equal(once, wanted)  # nobody wrote into what was handed out


@pytest.mark.parametrize('impl', IMPLS)
def test_one_hot_rows_are_plain_cross_entropy(problem, impl):
    p = problem()
    loss = mixed_cross_entropy(p.logits(), p.targets, torch.eye(5, dtype=F64), impl=impl)
    assert_near(loss, F.cross_entropy(p.logits(), p.targets), F64)
    rows = torch.eye(5, dtype=F64)[[2, 2, 4]]
    loss = mixed_cross_entropy(p.logits(), p.targets, rows, impl=impl)
    assert_near(loss, F.cross_entropy(p.logits()[[2, 2, 4]], p.targets[[2, 2, 4]]), F64)


@pytest.mark.parametrize('impl', IMPLS)
def test_uniform_rows_are_the_cross_entropy_of_the_mean(problem, impl):
    p = problem()
    loss = mixed_cross_entropy(p.logits(), p.targets, torch.full((3, 5), 0.2, dtype=F64), impl=impl)
    prior = F.one_hot(p.targets, 4).double().mean(dim=0, keepdim=True)
    assert_near(loss, F.cross_entropy(p.logits().mean(dim=0, keepdim=True), prior), F64)


@pytest.mark.parametrize('impl', IMPLS)
def test_one_example_is_plain_cross_entropy(problem, impl):
    p = problem(b=1)
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights, impl=impl)
    assert_near(loss, F.cross_entropy(p.logits(), p.targets), F64)


def test_mixing_before_and_after_the_classifier_is_the_same(problem):
    p = problem()
    mixed = F.linear(p.weights @ p.z, p.w, p.bias)
    targets = p.weights @ F.one_hot(p.targets, 4).double()
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights)
    assert_near(loss, F.cross_entropy(mixed, targets), F64)


def test_order_of_examples_and_of_tuples_does_not_matter(problem):
    p = problem(r=2)
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights)
    order, rows = torch.randperm(5), torch.randperm(6)
    shuffled = p.weights[:, rows][:, :, order]
    assert_near(mixed_cross_entropy(p.logits()[:, order], p.targets[order], shuffled), loss, F64)


def test_a_number_added_to_an_examples_logits_changes_nothing(problem):
    p = problem()
    shift = torch.randn(5, 1, dtype=F64) * 10
    loss = mixed_cross_entropy(p.logits() + shift, p.targets, p.weights)
    assert_near(loss, mixed_cross_entropy(p.logits(), p.targets, p.weights), F64)


def test_integer_targets_equal_their_one_hot_rows(problem):
    for shape in (dict(), dict(b=9, c=2)):
        p = problem(**shape)
        hard = mixed_cross_entropy(p.logits(), p.targets, p.weights)
        soft = F.one_hot(p.targets, p.w.shape[0]).double()
        assert_near(mixed_cross_entropy(p.logits(), soft, p.weights), hard, F64)


def test_weights_without_positions_serve_all_of_them(problem):
    p = problem(r=3)
    shared = sample_weights(6, 5, dtype=F64)
    loss = mixed_cross_entropy(p.logits(), p.targets, shared)
    assert_near(loss, mixed_cross_entropy(p.logits(), p.targets, shared.expand(3, 6, 5)), F64)


def test_strided_logits_and_targets(problem):
    p = problem(r=3, b=4)
    strided = p.logits().detach().permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not strided.is_contiguous()
    loss = mixed_cross_entropy(strided, p.targets, p.weights)
    assert_near(loss, mixed_cross_entropy(p.logits(), p.targets, p.weights), F64)


def test_no_gradient_is_asked_for_where_none_is_wanted(problem):
    p = problem()
    wanting, logits = p.logits(), p.logits().detach()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        loss = mixed_cross_entropy(wanting, p.targets, p.weights)
    assert not loss.requires_grad
    with FlopCounterMode(display=False) as least:
        mixed_cross_entropy(logits, p.targets, p.weights.detach())
    assert counter.get_flop_counts()['Global'] == least.get_flop_counts()['Global']
    loss = mixed_cross_entropy(logits, p.targets, p.weights)  # the weights alone
    assert torch.autograd.grad(loss, p.weights)[0].abs().max() > 0


def test_second_derivative_raises(problem):
    p = problem()
    logits = p.logits()
    loss = mixed_cross_entropy(logits, p.targets, p.weights)
    with pytest.raises(RuntimeError, match='second derivative'):
        torch.autograd.grad(loss, logits, create_graph=True)


def test_plain_has_a_second_derivative(problem):
    p = problem()
    loss = mixed_cross_entropy(p.logits(), p.targets, p.weights, impl='plain')
    (grad,) = torch.autograd.grad(loss, p.z, create_graph=True)
    assert torch.autograd.grad(grad.square().sum(), p.z)[0].abs().max() > 0


def test_torch_compile_gives_the_same(problem):
    p = problem(r=2)
    compiled = torch.compile(lambda x: mixed_cross_entropy(x * 2, p.targets, p.weights) * 3, backend='eager')
    logits = p.logits().detach().requires_grad_()
    loss = compiled(logits)
    expected = mixed_cross_entropy(logits * 2, p.targets, p.weights, impl='plain') * 3
    assert_near(loss, expected, F64)
    wanted = torch.autograd.grad(expected, logits)[0]
    assert_near(torch.autograd.grad(loss, logits)[0], wanted, F64)
