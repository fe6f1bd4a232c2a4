import math

import pytest
import torch
from tolerances import assert_near

from mmdet_multimix.models import DenseMultiMix
from mmdet_multimix.ops import (
    attend,
    mixed_cross_entropy,
    multimix_cross_entropy,
    reference,
    sample_weights,
    spatial_attention,
)

F64 = torch.float64


def directions(z, kind, weight, labels):
    return {'gap': z.flatten(2).mean(dim=2), 'cam': weight[labels], 'mean': torch.ones_like(weight[labels])}[
        kind
    ]


@pytest.mark.parametrize('kind', ['gap', 'cam', 'mean'])
@pytest.mark.parametrize('shape', [(4, 3, 5), (4, 3, 2, 3), (1, 1, 1), (2, 3, 1, 1)])
def test_equals_the_reference(shape, kind):
    z, weight = torch.randn(shape, dtype=F64), torch.randn(6, shape[1], dtype=F64)
    labels = torch.randint(0, 6, shape[:1])
    a = spatial_attention(z, kind=kind, weight=weight, labels=labels)
    for i, u in enumerate(directions(z, kind, weight, labels)):
        assert_near(a[i], reference.attention_map(z[i].flatten(1), u), F64)


@pytest.mark.parametrize('kind', ['gap', 'cam', 'mean', 'uniform'])
def test_softmax_of_the_same_products(kind):
    z, weight = torch.randn(4, 3, 5, dtype=F64), torch.randn(6, 3, dtype=F64)
    labels = torch.randint(0, 6, (4,))
    a = spatial_attention(z, kind=kind, norm='softmax', weight=weight, labels=labels)
    if kind == 'uniform':
        assert (a == 0.2).all()
        return
    for i, u in enumerate(directions(z, kind, weight, labels)):
        products = [math.exp(sum(float(u[k] * z[i, k, j]) for k in range(3))) for j in range(5)]
        expected = torch.tensor([p / sum(products) for p in products], dtype=F64)
        assert_near(a[i], expected, F64)


@pytest.mark.parametrize('kind', ['gap', 'cam', 'mean', 'uniform'])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rows_sum_to_one(kind, dtype):
    z = torch.randn(5, 4, 3, 3).to(dtype)
    weight, labels = torch.randn(7, 4).to(dtype), torch.randint(0, 7, (5,))
    a = spatial_attention(z, kind=kind, weight=weight, labels=labels)
    assert a.shape == (5, 9) and (a >= 0).all() and a.dtype == torch.promote_types(dtype, torch.float32)
    assert_near(a.sum(dim=1), torch.ones(5), torch.float32)
    if kind != 'uniform':
        exact = spatial_attention(z.double(), kind=kind, weight=weight.double(), labels=labels)
        assert_near(a, exact, max(torch.float32, dtype, key=lambda t: torch.finfo(t).bits))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(spatial_attention(z, kind=kind, weight=weight, labels=labels), a)


@pytest.mark.parametrize('kind', ['gap', 'cam', 'mean'])
def test_dead_maps_become_uniform(kind):
    z = torch.rand(2, 3, 4)
    z[0] = 0
    weight = torch.stack([torch.ones(3), -torch.ones(3)])
    a = spatial_attention(z, kind=kind, weight=weight, labels=torch.tensor([0, 1]))
    assert (a[0] == 0.25).all()
    assert (a[1] == 0.25).all() == (kind == 'cam')


def test_soft_labels_give_the_expected_row():
    z, weight = torch.randn(3, 4, 5, dtype=F64), torch.randn(6, 4, dtype=F64)
    soft = torch.rand(3, 6, dtype=F64)
    a = spatial_attention(z, kind='cam', weight=weight, labels=soft)
    for i, u in enumerate(soft @ weight):
        assert_near(a[i], reference.attention_map(z[i], u), F64)


@pytest.mark.parametrize('kind', ['gap', 'cam', 'mean'])
def test_attention_has_a_gradient(kind):
    z = torch.randn(2, 3, 4, dtype=F64, requires_grad=True)
    weight = torch.randn(5, 3, dtype=F64, requires_grad=True)
    labels = torch.tensor([1, 4])

    def f(z, weight):
        return spatial_attention(z, kind=kind, weight=weight, labels=labels)

    assert torch.autograd.gradcheck(f, (z, weight) if kind == 'cam' else (z, weight.detach()))


def test_gradient_is_finite_beside_dead_maps():
    z = torch.zeros(2, 3, 4, dtype=F64, requires_grad=True)
    spatial_attention(z).square().sum().backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(('r', 'n', 'b', 'm'), [(1, 1, 1, 1), (3, 7, 4, 4), (4, 9, 5, 2)])
def test_attend_equals_the_reference(r, n, b, m):
    rows, a = sample_weights(n, b, r=r, m=m, dtype=F64), torch.rand(b, r, dtype=F64)
    a[0] = 0  # with m < b: tuples without attention
    got = attend(rows, a)
    assert_near(got.sum(dim=-1), torch.ones(r, n), F64)
    for j in range(r):
        for i in range(n):
            assert_near(got[j, i], reference.attended(rows[j, i], a[:, j]), F64)


def test_equal_attention_leaves_the_weights_alone():
    rows = sample_weights(9, 5, r=3, dtype=F64)
    assert_near(attend(rows, torch.full((5, 3), 1 / 3, dtype=F64)), rows, F64)
    assert_near(attend(rows, spatial_attention(torch.randn(5, 2, 3), kind='uniform')), rows, torch.float32)


def test_no_attention_at_all_leaves_the_weights_alone():
    rows = sample_weights(9, 5, r=2)
    a = torch.rand(5, 2)
    a[:, 0] = 0
    got = attend(rows, a)
    assert torch.equal(got[0], rows[0]) and not torch.equal(got[1], rows[1])


def test_tiny_attention_does_not_underflow():
    rows, a = sample_weights(9, 5, r=2, alpha=0.05), torch.rand(5, 2) + 0.1
    assert_near(attend(rows, a * 1e-38), attend(rows, a), torch.bfloat16)
    assert_near(attend(rows, a * 1e-30), attend(rows, a), torch.float32)


class OnDevice(torch.Tensor):
    """Numbers of the CPU that pass for those of an accelerator."""

    device = property(lambda self: torch.device('cuda'))


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_a_device_takes_attention_that_has_overflowed_to_the_loss(bad):
    """A gradient scaler skips such a step; a device that has been stopped ends the training."""
    rows, a = sample_weights(3, 4, r=2), torch.rand(4, 2) + 0.1
    expected = attend(rows, a)
    a[1, 1] = bad
    got = attend(rows.as_subclass(OnDevice), a.as_subclass(OnDevice)).as_subclass(torch.Tensor)
    assert_near(got[0], expected[0], torch.float32)
    assert got[1].isnan().any(dim=1).all()


def test_a_device_stops_at_negative_attention():
    rows, a = sample_weights(3, 4, r=2), torch.rand(4, 2) - 1.1
    with pytest.raises(RuntimeError, match='attention must not be negative'):
        attend(rows.as_subclass(OnDevice), a.as_subclass(OnDevice))


def test_attend_has_a_gradient():
    rows = sample_weights(3, 4, r=2, m=3, dtype=F64).requires_grad_()
    a = torch.rand(4, 2, dtype=F64) + 0.01
    assert torch.autograd.gradcheck(attend, (rows, a.clone().requires_grad_()))
    a[1:, 1] = 0  # rows without attention: the quotient jumps there, but nothing may be NaN
    a.requires_grad_()
    attend(rows, a).square().sum().backward()
    assert torch.isfinite(a.grad).all() and torch.isfinite(rows.grad).all()


@pytest.mark.parametrize('targets', ['integer', 'soft', 'integer at r'])
@pytest.mark.parametrize('m', [None, 2])
def test_dense_multimix_equals_the_reference(problem, targets, m):
    """Equations (9) to (13) end to end, gradients through the attention included."""
    p = problem(r=4, b=5, targets=targets, m=m)
    losses = []
    for dense in (False, True):
        a = spatial_attention(p.z)
        if dense:
            loss = reference.dense_multimix(p.z, p.targets, p.weights, a, p.w, p.bias)
        else:
            loss = mixed_cross_entropy(p.logits(), p.targets, attend(p.weights, a))
        losses.append((loss, p.grads(loss)))
    (loss, got), (expected, wanted) = losses
    assert_near(loss, expected, F64)
    # A row without attention is not renormalised, so its derivative leaves the simplex, where bias
    # before and after mixing differ: project it back.
    dead = (p.weights * a.t().unsqueeze(1)).sum(dim=-1) == 0
    assert m == 2 or not dead.any()
    for grads in (got, wanted):
        grads['weights'][dead] -= grads['weights'][dead].mean(dim=-1, keepdim=True)
    for name in got:
        assert_near(got[name], wanted[name], F64, name)


@pytest.mark.parametrize(
    ('call', 'match'),
    [
        (
            lambda z: spatial_attention(z, norm='l2'),
            "norm must be one of 'relu', 'softmax'",
        ),
        (lambda z: spatial_attention(z[0]), r'features must be .* got \(3, 4\)'),
        (lambda z: spatial_attention(z, kind='cam'), 'weight is None'),
        (lambda z: spatial_attention(z, kind='cam', weight=torch.ones(5, 3)), 'labels is None'),
        (
            lambda z: spatial_attention(
                z, kind='cam', weight=torch.ones(5, 2), labels=torch.zeros(2, dtype=torch.long)
            ),
            r'weight must be \(c, 3\) like the features, got',
        ),
        (
            lambda z: spatial_attention(z, kind='cam', weight=torch.ones(5, 3), labels=torch.tensor([0, 5])),
            r'targets must lie in \[0, 4\], got 5',
        ),
        (
            lambda z: spatial_attention(
                z, kind='cam', weight=torch.ones(5, 3), labels=torch.zeros(3, dtype=torch.long)
            ),
            r'labels must be \(2,\)',
        ),
        (
            lambda z: spatial_attention(z, kind='cam', weight=torch.ones(5, 3), labels=torch.zeros(2, 4)),
            r'soft labels must be \(b, 5\)',
        ),
        (lambda z: attend(torch.ones(4, 9, 2), torch.ones(4, 2)), r'attention \(b, r\)'),
        (lambda z: attend(torch.ones(9, 2), torch.ones(2, 4)), r'weights must be \(r, n, b\)'),
    ],
)
def test_bad_arguments_are_named(call, match):
    with pytest.raises(ValueError, match=match):
        call(torch.randn(2, 3, 4))


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_labels_of_any_integer_type_are_labels(dtype):
    z, weight, labels = torch.randn(4, 3, 6), torch.randn(4, 3), torch.tensor([1, 2, 3, 1])
    expected = spatial_attention(z, kind='cam', weight=weight, labels=labels)
    assert torch.equal(spatial_attention(z, kind='cam', weight=weight, labels=labels.to(dtype)), expected)


def test_a_mask_is_no_label():
    with pytest.raises(ValueError, match=r'labels must be integers or floating, got torch\.bool'):
        spatial_attention(
            torch.randn(2, 3, 4), kind='cam', weight=torch.ones(2, 3), labels=torch.tensor([True, False])
        )


@pytest.mark.parametrize('value', [float('nan'), -1e-3, float('inf')])
def test_attention_that_is_no_confidence_is_refused(value):
    attention = torch.full((3, 2), 0.5)
    attention[1, 1] = value
    with pytest.raises(ValueError, match='attention must be finite and not negative'):
        attend(sample_weights(4, 3, r=2), attention)
    with pytest.raises(ValueError, match='attention must be finite and not negative'):
        multimix_cross_entropy(torch.zeros(2, 3, 5), torch.zeros(3, dtype=torch.long), attention=attention)


@pytest.mark.parametrize('alpha', [1e-6, (0.02, 0.2), 1e-12])
@pytest.mark.parametrize('attention', ['gap', 'cam', 'mean'])
def test_trained_attention_has_finite_gradients_at_tiny_alpha(alpha, attention):
    for seed in range(60):
        torch.manual_seed(seed)
        z = (30 * torch.randn(4, 3, 4)).requires_grad_()
        fc = torch.nn.Linear(3, 5)
        loss = DenseMultiMix(20, attention=attention, attention_grad=True, alpha=alpha)
        value = loss(z, torch.randint(0, 5, (4,)), fc)
        value.backward()
        assert bool(value.isfinite()) and bool(z.grad.isfinite().all()), seed


def test_a_row_with_next_to_no_attention_keeps_its_value():
    weights = torch.tensor([[[1 - 2e-38, 2e-38], [0.5, 0.5]]])
    attention = torch.tensor([[0.0], [0.25]], requires_grad=True)
    rows = attend(weights, attention)
    assert rows.tolist() == [[[0, 1], [0, 1]]]
    rows[0, 0].square().sum().backward()
    assert attention.grad.tolist() == [[0], [0]]
