"""Half precision, autocast, huge and masked logits; what is refused."""

import math

import pytest
import torch
from tolerances import TOLERANCE, assert_near

from mmdet_multimix.ops import (
    mixed_binary_cross_entropy,
    mixed_cross_entropy,
    mixed_focal_loss,
    multimix_binary_cross_entropy,
    multimix_cross_entropy,
    sample_weights,
)
from mmdet_multimix.ops.checks import MASKED

LOSSES = [mixed_cross_entropy, mixed_binary_cross_entropy]
DRAWN = [multimix_cross_entropy, multimix_binary_cross_entropy]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def inputs(b=16, c=10, n=60, scale=3.0):
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(b, c, generator=g, dtype=torch.float64) * scale
    return logits, torch.randint(0, c, (b,), generator=g), sample_weights(n, b, generator=g)


def run(loss, logits, *args, **kwargs):
    logits = logits.detach().requires_grad_()
    value = loss(logits, *args, **kwargs)
    return value, torch.autograd.grad(value, logits)[0]


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('impl', ['fused', 'plain'])
@pytest.mark.parametrize('dtype', DTYPES)
def test_accuracy_of_every_dtype(loss, impl, dtype):
    """Both versions, against float64 on the same rounded inputs: the sums are in float32 at least."""
    logits, labels, rows = inputs()
    logits, rows = logits.to(dtype), rows.to(dtype)
    value, grad = run(loss, logits, labels, rows, impl=impl)
    exact, exact_grad = run(loss, logits.double(), labels, rows.double(), impl='plain')
    inner = torch.promote_types(dtype, torch.float32)
    assert value.dtype == inner and grad.dtype == dtype
    assert_near(value, exact, inner)
    assert_near(grad, exact_grad, dtype)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('shape', [(0, 4), (3, 0, 4)])
@pytest.mark.parametrize(
    ('loss', 'options'),
    [
        *((loss, dict(weights=torch.zeros(6, 0))) for loss in [*LOSSES, mixed_focal_loss]),
        *((loss, dict(weights=torch.zeros(6, 0), impl='plain')) for loss in LOSSES),
        *((loss, dict()) for loss in DRAWN),
    ],
)
def test_an_empty_batch_is_a_zero_with_a_gradient(loss, options, shape, dtype):
    value, grad = run(loss, torch.zeros(shape, dtype=dtype), torch.zeros(0, dtype=torch.long), **options)
    assert value == 0 and value.shape == () and value.dtype == torch.promote_types(dtype, torch.float32)
    assert grad.shape == shape and grad.dtype == dtype


@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('scale', [1e-3, 1.0, 30.0, 1e4])
def test_fused_is_no_less_accurate_than_plain(loss, scale):
    logits, labels, rows = inputs(b=64, c=100, n=500, scale=scale)
    logits, rows = logits.float(), rows.float()
    exact, exact_grad = run(loss, logits.double(), labels, rows.double(), impl='plain')
    errors = {}
    for impl in ('fused', 'plain'):
        value, grad = run(loss, logits, labels, rows, impl=impl)
        off = (grad - exact_grad).abs().max() / exact_grad.abs().max()
        errors[impl] = ((value - exact).abs() / exact.abs(), off)
    for fused, plain in zip(errors['fused'], errors['plain'], strict=True):
        assert fused <= 4 * plain + 1e-6  # both are a few roundings; neither may be a class worse


@pytest.mark.parametrize('loss', [*LOSSES, mixed_focal_loss])
def test_autocast_does_not_reach_inside(loss, autocast_dtype):
    logits, labels, rows = inputs()
    logits = logits.float()
    expected = run(loss, logits, labels, rows)
    logits.requires_grad_()
    with torch.autocast('cpu', dtype=autocast_dtype):
        value = loss(logits, labels, rows)
    assert torch.equal(value, expected[0])
    assert torch.equal(torch.autograd.grad(value, logits)[0], expected[1])


def test_small_gradients_survive_a_loss_scale_in_half_precision():
    logits, labels, rows = inputs(scale=0.1)
    logits = logits.half().requires_grad_()
    (mixed_cross_entropy(logits, labels, rows) * 1e-6 * 2.0**20).backward()
    _, exact = run(mixed_cross_entropy, logits.double(), labels, rows.double())
    assert_near(logits.grad, exact * 1e-6 * 2.0**20, torch.float16)


@pytest.mark.parametrize('impl', ['fused', 'plain'])
@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_huge_logits_stay_finite(loss, dtype, impl):
    logits, labels, rows = inputs()
    logits = (logits.sign() * 1e4).to(dtype)
    value, grad = run(loss, logits, labels, rows, impl=impl)
    exact, exact_grad = run(loss, logits.double(), labels, rows.double(), impl='plain')
    assert_near(value, exact, torch.float32)
    assert_near(grad, exact_grad, max(dtype, torch.float32, key=lambda t: TOLERANCE[t]))


@pytest.mark.parametrize('impl', ['fused', 'plain'])
@pytest.mark.parametrize('mask', [-math.inf, torch.finfo(torch.float32).min, -1e31])
@pytest.mark.parametrize('loss', LOSSES)
@pytest.mark.parametrize('m', [None, 2])
def test_masked_classes_are_as_if_they_were_not_there(loss, mask, impl, m):
    logits, _, _ = inputs()
    rows = sample_weights(60, 16, m=m, dtype=torch.float64)
    labels = torch.randint(0, 6, (16,))
    masked = logits.clone()
    masked[:, 6:] = mask
    value, grad = run(loss, masked, labels, rows, impl=impl)
    exact, exact_grad = run(loss, logits[:, :6], labels, rows, impl='plain')
    assert_near(value, exact, torch.float64)
    assert_near(grad[:, :6], exact_grad, torch.float64)
    assert (grad[:, 6:] == 0).all()
    half, _ = run(loss, masked.clamp_min(-math.inf).half(), labels, rows, impl=impl)
    assert torch.isfinite(half)


def test_a_class_that_some_examples_mask():
    """Any weight on such an example rules the class out; a label on it costs a fortune, not NaN."""
    logits, labels, rows = inputs(b=4)
    labels = torch.tensor([1, 2, 3, 4])
    logits[0, 0] = -math.inf
    value, grad = run(mixed_cross_entropy, logits, labels, rows.double())
    without = logits[:, 1:]
    assert_near(value, mixed_cross_entropy(without, labels - 1, rows.double(), impl='plain'), torch.float64)
    assert (grad[:, 0].abs() < 1e-12).all()
    labels[1] = 0
    for impl in ('fused', 'plain'):
        value, grad = run(mixed_cross_entropy, logits.float(), labels, rows, impl=impl)
        assert 1e27 < value < math.inf and torch.isfinite(grad).all()


def bad_calls():
    logits, labels, rows = torch.randn(5, 4), torch.arange(5) % 4, sample_weights(6, 5)
    stacked, many = torch.randn(3, 5, 4), sample_weights(6, 5, r=3)
    nan, inf, huge, lost = (logits.clone() for _ in range(4))
    nan[2, 1], inf[2, 1], huge[2, 1], lost[2] = math.nan, math.inf, MASKED, -math.inf
    low, high = labels.clone(), labels.clone()
    low[3], high[3] = -100, 4
    return {
        'NaN logits': (nan, labels, rows, 'logits contain NaN'),
        '+inf logits': (inf, labels, rows, r'logits contain \+inf: the model'),
        'as large as a mask': (huge, labels, rows, r'logits must be below 1e\+30, got 1e\+30'),
        'nothing but masks': (lost, labels, rows, 'all its classes masked: leave it out'),
        'label below': (logits, low, rows, r'targets must lie in \[0, [34]\], got -100: leave out'),
        'label above': (logits, high + 1, rows, r'targets must lie in \[0, [34]\], got 5'),
        'background': (logits, high, rows, r'targets must lie in \[0, 3\], got 4'),
        'too few labels': (logits, labels[:4], rows, r'integer targets must be \(5,\) or \(1, 5\).*\(4,\)'),
        'labels per position': (stacked, labels.expand(2, 5), many, r'integer targets must be .*\(2, 5\)'),
        'soft of other classes': (logits, torch.rand(5, 3), rows, r'soft targets must be \(5, 4\).*\(5, 3\)'),
        'boolean targets': (logits, labels > 1, rows, 'targets must be integers or floating, got torch.bool'),
        'weights of other b': (logits, labels, rows[:, :4], r'weights must be \(n, 5\).*\(6, 4\)'),
        'weights of other r': (
            stacked,
            labels,
            many[:2],
            r'weights must be \(n, 5\) or \(3, n, 5\).*\(2, 6, 5\)',
        ),
        'weights with positions': (logits, labels, many, r'weights must be \(n, 5\) for .*\(3, 6, 5\)'),
        'no tuples': (logits, labels, rows[:0], 'n >= 1'),
        'flat logits': (logits[0], labels, rows, r'logits must be \(b, c\) or \(r, b, c\), got \(4,\)'),
        'no classes': (logits[:, :0], labels, rows, 'logits must have classes'),
        'integer logits': (labels.view(5, 1), labels, rows, 'logits must be floating, got torch.int64'),
    }


@pytest.mark.parametrize('name', bad_calls())
@pytest.mark.parametrize('loss', [*LOSSES, mixed_focal_loss, *DRAWN])
def test_bad_tensors_are_named(name, loss):
    logits, targets, weights, match = bad_calls()[name]
    if loss in DRAWN:
        if 'weights' in match or name == 'no tuples':
            return
        weights = len(weights)
    competing = loss in (mixed_cross_entropy, multimix_cross_entropy)
    if name in ('background', 'nothing but masks') and not competing:
        assert torch.isfinite(loss(logits, targets, weights))  # no class at all is a fine answer there
        return
    with pytest.raises(ValueError, match=match):
        loss(logits, targets, weights)


def test_bad_options_are_named():
    logits, labels, rows = torch.randn(5, 4), torch.arange(5) % 4, sample_weights(6, 5)
    for loss in LOSSES:
        with pytest.raises(ValueError, match="impl must be one of 'fused', 'plain'; got 'fast'"):
            loss(logits, labels, rows, impl='fast')
    for options, match in [
        (dict(kind='hinge'), "kind must be one of 'focal', 'quality'; got 'hinge'"),
        (dict(gamma=-1), 'gamma must not be negative, got -1'),
        (dict(alpha=1.5), r'alpha must lie in \[0, 1\], got 1.5'),
    ]:
        with pytest.raises(ValueError, match=match):
            mixed_focal_loss(logits, labels, rows, **options)
    with pytest.raises(ValueError, match=r'attention must be \(b, r\)'):
        multimix_cross_entropy(logits, labels, 3, attention=torch.ones(5, 1))
    with pytest.raises(ValueError, match='m must be at most 5'):
        multimix_cross_entropy(logits, labels, 3, m=6)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('loss', LOSSES)
def test_targets_and_weights_that_are_no_numbers_are_refused(loss, value):
    logits, targets, weights = torch.zeros(3, 5), torch.full((3, 5), 0.2), sample_weights(4, 3)
    loss(logits, targets, weights)
    targets[2, 1], spoilt = value, weights.clone()
    spoilt[0, 0] = value
    with pytest.raises(ValueError, match='soft targets must be finite'):
        loss(logits, targets, weights)
    with pytest.raises(ValueError, match='weights must be finite'):
        loss(logits, torch.zeros(3, dtype=torch.long), spoilt)
    spoilt[0, 0] = -0.1
    with pytest.raises(ValueError, match='weights must not be negative'):
        loss(logits, torch.zeros(3, dtype=torch.long), spoilt)
