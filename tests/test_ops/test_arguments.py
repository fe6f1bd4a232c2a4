"""Arguments that would be taken for something else, and values that are no numbers."""

import pytest
import torch

from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.ops import (
    attend,
    mixed_binary_cross_entropy,
    mixed_cross_entropy,
    multimix_cross_entropy,
    sample_weights,
)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (dict(n=10**30), 'n must be at most'),
        (dict(m=10**30), 'm must be at most'),
        (dict(gather='false'), "gather must be True or False, got 'false'"),
        (dict(gather=0), 'gather must be True or False, got 0'),
        (dict(gather=None), 'gather must be True or False'),
        (dict(generator=3), 'generator must be a torch.Generator, got 3'),
        (dict(generator='cpu'), 'generator must be a torch.Generator'),
        (dict(alpha=1e300), 'alpha must lie in'),
        (dict(alpha=(1, 1e31)), 'alpha must lie in'),
        (dict(alpha=True), 'alpha must be a number'),
        (dict(alpha='12'), 'alpha must be a number'),
        (dict(ess=1e300), 'ess must be at most'),
        (dict(loss_weight=float('inf')), 'loss_weight must be a finite number'),
        (dict(clean_weight='1'), 'clean_weight must be a finite number'),
    ],
    ids=str,
)
def test_what_would_be_taken_for_something_else_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        MultiMix(**options)
    if 'generator' in options or 'n' in options:
        with pytest.raises(ValueError, match=said):
            sample_weights(**{'n': 2, 'b': 2, **options})


def test_a_flag_of_the_dense_loss_is_no_text():
    with pytest.raises(ValueError, match='attention_grad must be True or False'):
        DenseMultiMix(attention_grad='no')


@pytest.mark.parametrize('value', [float('nan'), -1e-3, float('inf')])
def test_attention_that_is_no_confidence_is_refused(value):
    attention = torch.full((3, 2), 0.5)
    attention[1, 1] = value
    with pytest.raises(ValueError, match='attention must be finite and not negative'):
        attend(sample_weights(4, 3, r=2), attention)
    with pytest.raises(ValueError, match='attention must be finite and not negative'):
        multimix_cross_entropy(torch.zeros(2, 3, 5), torch.zeros(3, dtype=torch.long), attention=attention)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('loss', [mixed_cross_entropy, mixed_binary_cross_entropy])
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
