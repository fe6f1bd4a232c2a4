"""The sigmoid variants against their loops."""

import pytest
import torch
from tolerances import assert_near
from torch.nn import functional as F

from mmdet_multimix.ops import (
    mixed_binary_cross_entropy,
    mixed_focal_loss,
    multimix_binary_cross_entropy,
    reference,
    sample_weights,
)

F64 = torch.float64
SHAPES = [
    dict(),
    dict(r=3),
    dict(n=1),
    dict(m=2, n=9),
    dict(b=9, c=2, r=2),
    dict(b=1),
    dict(c=1),
    dict(b=0 + 6, c=1),
]
LOSSES = {
    'bce fused': (mixed_binary_cross_entropy, dict(impl='fused'), reference.binary_cross_entropy),
    'bce plain': (mixed_binary_cross_entropy, dict(impl='plain'), reference.binary_cross_entropy),
    'focal': (mixed_focal_loss, dict(), reference.focal('focal', 2.0, 0.25)),
    'focal 1.5': (mixed_focal_loss, dict(gamma=1.5, alpha=0.6), reference.focal('focal', 1.5, 0.6)),
    'focal 0.5': (mixed_focal_loss, dict(gamma=0.5), reference.focal('focal', 0.5, 0.25)),
    'focal 0': (mixed_focal_loss, dict(gamma=0.0, alpha=0.5), reference.focal('focal', 0.0, 0.5)),
    'quality': (mixed_focal_loss, dict(kind='quality'), reference.focal('quality', 2.0, 0.0)),
}


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_equals_the_reference_on_embeddings(problem, shape, targets, name):
    loss, options, criterion = LOSSES[name]
    p = problem(**shape, targets=targets, background=targets == 'integer')
    value = loss(p.logits(), p.targets, p.weights, **options)
    if p.z.dim() == 2:
        expected = reference.multimix(p.z, p.targets, p.weights, p.w, p.bias, criterion)
    else:
        parts = [
            reference.multimix(p.z[:, :, j], p.targets, w, p.w, p.bias, criterion)
            for j, w in enumerate(p.weights)
        ]
        expected = sum(parts) / len(parts)
    assert_near(value, expected, F64, 'loss')
    got, wanted = p.grads(value), p.grads(expected)
    for grads in (got, wanted):  # the bias again: only the simplex counts
        grads['weights'] = grads['weights'] - grads['weights'].mean(dim=-1, keepdim=True)
    for key in got:
        assert_near(got[key], wanted[key], F64, key)


@pytest.mark.parametrize('targets', ['integer at r', 'soft at r'])
def test_targets_per_position(problem, targets):
    p = problem(r=3, targets=targets, background=targets == 'integer at r')
    fused = mixed_binary_cross_entropy(p.logits(), p.targets, p.weights)
    plain = mixed_binary_cross_entropy(p.logits(), p.targets, p.weights, impl='plain')
    assert_near(fused, plain, F64)
    got, wanted = p.grads(fused), p.grads(plain)
    for key in got:
        assert_near(got[key], wanted[key], F64, key)


@pytest.mark.parametrize('targets', ['integer', 'soft'])
@pytest.mark.parametrize('shape', [dict(), dict(r=2), dict(b=9, c=2)], ids=str)
def test_gradcheck(problem, shape, targets):
    p = problem(**shape, targets=targets)
    leaves = [p.logits().detach().requires_grad_(), p.weights]
    leaves += [p.targets] if targets == 'soft' else []
    assert torch.autograd.gradcheck(
        lambda x, w, *y: mixed_binary_cross_entropy(x, y[0] if y else p.targets, w), leaves
    )


def test_second_derivative_raises(problem):
    p = problem()
    logits = p.logits()
    with pytest.raises(RuntimeError, match='second derivative'):
        torch.autograd.grad(
            mixed_binary_cross_entropy(logits, p.targets, p.weights), logits, create_graph=True
        )


def test_one_hot_rows_are_the_plain_losses(problem):
    p = problem(background=True)
    y = F.one_hot(p.targets, 5)[:, :4].double()
    eye = torch.eye(5, dtype=F64)
    plain = F.binary_cross_entropy_with_logits(p.logits(), y, reduction='none').sum(dim=1).mean()
    assert_near(mixed_binary_cross_entropy(p.logits(), p.targets, eye), plain, F64)
    from torchvision.ops import sigmoid_focal_loss

    focal = sigmoid_focal_loss(p.logits(), y, alpha=0.3, gamma=1.5).sum(dim=1).mean()
    assert_near(mixed_focal_loss(p.logits(), p.targets, eye, alpha=0.3, gamma=1.5), focal, F64)


def test_all_background(problem):
    p = problem()
    background = torch.full((5,), 4)
    loss = mixed_binary_cross_entropy(p.logits(), background, p.weights)
    mixed = p.weights @ p.logits()
    assert_near(loss, F.softplus(mixed, threshold=50).sum(dim=1).mean(), F64)


@pytest.mark.parametrize('kind', ['focal', 'quality'])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0])
def test_gradients_of_certain_scores_are_finite(kind, gamma):
    logits = torch.tensor([[20.0, -3.0], [200.0, 1.0], [-200.0, -200.0]], requires_grad=True)
    loss = mixed_focal_loss(logits, torch.tensor([0, 0, 2]), torch.eye(3), kind=kind, gamma=gamma)
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()


@pytest.mark.parametrize('r', [None, 3])
def test_drawn_on_the_way(r):
    logits = torch.randn((5, 4) if r is None else (r, 5, 4), dtype=F64, requires_grad=True)
    labels = torch.randint(0, 5, (5,))
    value = multimix_binary_cross_entropy(logits, labels, 7, generator=torch.Generator().manual_seed(1))
    rows = sample_weights(7, 5, r=r, generator=torch.Generator().manual_seed(1), dtype=F64)
    plain = mixed_binary_cross_entropy(logits, labels, rows, impl='plain')
    assert_near(value, plain, F64)
    assert_near(torch.autograd.grad(value, logits)[0], torch.autograd.grad(plain, logits)[0], F64)
