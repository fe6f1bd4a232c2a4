"""The signal that modules report, by every way in: against theory, and against a direct computation."""

import copy

import pytest
import torch
from tolerances import assert_near
from torch import nn
from torch.nn import functional as F

from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.models.detection import DenseRoIMultiMix, DetectionMultiMix, MixedForm
from mmdet_multimix.ops import attend, mixed_focal_loss, sample_weights

F64 = torch.float64
B, C = 40, 5


def watched(module):
    module.watched = True
    return module


def by_hand(logits, targets, rows, loss):
    """Projected in loops over classes and examples; `loss(logits, targets)` gives one loss a row."""
    logits = logits.detach().clone().requires_grad_()
    mixed = torch.autograd.grad(loss(rows @ logits, rows @ targets).mean(), logits)[0]
    own = torch.autograd.grad(loss(logits, targets).mean(), logits)[0]
    product = norm = 0.0
    for k in range(logits.shape[1]):
        a, b = mixed[:, k] - sum(mixed[:, k]) / len(mixed), own[:, k] - sum(own[:, k]) / len(own)
        for x, y in zip(a, b, strict=True):
            product, norm = product + x * y, norm + y * y
    return product / norm


def softmax(logits, targets):
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1)


def sigmoid(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets, reduction='none').sum(dim=1)


def focal(logits, targets):
    eye = torch.eye(len(logits), dtype=logits.dtype)
    rows = [mixed_focal_loss(logits, targets, row.unsqueeze(0)) for row in eye]
    return torch.stack(rows)


def rows_of(seed, dtype=F64, **options):
    return sample_weights(generator=torch.Generator().manual_seed(seed), dtype=dtype, **options).double()


@pytest.mark.parametrize('strength', [dict(), dict(ess=3), dict(m=4, ess=(2, 3)), dict(alpha=0.1)])
@pytest.mark.parametrize('soft', [False, True])
def test_multimix_directly(strength, soft):
    logits, labels = 3 * torch.randn(B, C, dtype=F64), torch.randint(C, (B,))
    targets = torch.rand(B, C, dtype=F64) if soft else F.one_hot(labels, C).double()
    module = watched(MultiMix(50, **strength))
    module.losses(logits, targets if soft else labels)
    expected = by_hand(logits, targets, rows_of(7, n=50, b=B, **strength), softmax)
    assert_near(module.signal(seed=7), expected.float(), torch.float32)


@pytest.mark.parametrize(
    ('form', 'loss'),
    [
        (MixedForm(), softmax),
        (MixedForm('sigmoid'), sigmoid),
        (MixedForm('focal'), focal),
        (MixedForm(class_weight=(1.0, 2.0, 0.5, 1.0, 3.0)), softmax),
    ],
)
def test_the_forms_of_detectors_directly(form, loss):
    background = form.background(C)
    logits, labels = 2 * torch.randn(B, C, dtype=F64), torch.randint(background + 1, (B,))
    module = watched(DetectionMultiMix(n=60, among='all', ess=4, form=form))
    module.losses(logits, labels)
    targets = F.one_hot(labels, C + 1)[:, :C].double()
    if form.class_weight:
        targets = targets * torch.tensor(form.class_weight, dtype=F64)
    drawn = torch.float32 if loss is focal else F64  # what the loss draws
    expected = by_hand(logits, targets, rows_of(3, drawn, n=60, b=B, ess=4), loss)
    assert_near(module.signal(seed=3), expected.float(), torch.float32)


def test_of_the_chosen_examples_alone():
    logits, labels = torch.randn(B, C, dtype=F64), torch.randint(C, (B,))
    module = watched(DetectionMultiMix(n=60, among='foreground', ess=2))
    module.losses(logits, labels)
    kept = labels < C - 1
    targets = F.one_hot(labels, C).double()[kept]
    expected = by_hand(logits[kept], targets, rows_of(0, n=60, b=int(kept.sum()), ess=2), softmax)
    assert_near(module.signal(), expected.float(), torch.float32)


@pytest.mark.parametrize('attention', ['uniform', 'gap'])
def test_dense_directly(attention):
    """Every position has a common part of its own."""
    features, labels = torch.randn(6, 4, 3, dtype=F64), torch.randint(C, (6,))
    classifier = nn.Linear(4, C, dtype=F64)
    for module in (DenseMultiMix(30, ess=2, attention=attention), DenseRoIMultiMix(n=30, ess=2, among='all')):
        if module.attention != attention and not isinstance(module, DenseMultiMix):
            continue
        module.attention = attention
        watched(module).losses(features, labels, classifier)
        a = module._attention(features, labels, classifier)
        rows = attend(rows_of(1, n=30, b=6, r=3, ess=2), a)
        logits = classifier(features.permute(2, 0, 1)).detach().requires_grad_()
        targets = F.one_hot(labels, C).double()
        mixed = sum(softmax(rows[j] @ logits[j], rows[j] @ targets).mean() for j in range(3)) / 3
        own = sum(softmax(logits[j], targets).mean() for j in range(3)) / 3
        mixed, own = (torch.autograd.grad(loss, logits)[0] for loss in (mixed, own))
        product = norm = 0.0
        for j in range(3):
            a, b = mixed[j] - mixed[j].mean(0), own[j] - own[j].mean(0)
            product, norm = product + (a * b).sum(), norm + (b * b).sum()
        assert_near(module.signal(seed=1), (product / norm).float(), torch.float32)


@pytest.mark.parametrize('kind', ['softmax', 'sigmoid'])
@pytest.mark.parametrize('ess', [2.0, 3.0, 8.0])
def test_theory_at_small_logits(ess, kind):
    logits, labels = torch.zeros(64, C), torch.randint(C, (64,))
    module = watched(DetectionMultiMix(n=4000, among='all', ess=ess, form=MixedForm(kind)))
    module.losses(logits, labels)
    assert abs(float(module.signal()) / ((64 / ess - 1) / 63) - 1) < 0.1


def test_nothing_moves_and_nothing_stays():
    logits, labels = torch.randn(B, C), torch.randint(C, (B,))
    plain, seen = DetectionMultiMix(n=20, ess=3), watched(DetectionMultiMix(n=20, ess=3))
    state = torch.get_rng_state()
    results = [module.losses(logits, labels)['loss_multimix'] for module in (plain, seen)]
    assert torch.equal(*results)
    assert plain.signal() is None
    assert seen.signal() is not None and seen.signal() is None  # it is told once
    assert seen.generator is None and torch.equal(state, torch.get_rng_state())
    again = [module.losses(logits, labels)['loss_multimix'] for module in (plain, seen)]
    assert torch.equal(*again)  # the signal has used up no draw of the loss
    copy.deepcopy(seen)


def test_where_nothing_is_mixed():
    module = watched(DetectionMultiMix(n=20, among='foreground'))
    module.losses(torch.randn(4, C), torch.full((4,), C - 1))  # background alone
    assert module.signal() is None
    module.loss_weight = 0.0
    module.losses(torch.randn(4, C), torch.zeros(4, dtype=torch.long))
    assert module.signal() is None
