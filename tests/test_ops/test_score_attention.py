import math

import pytest
import torch
from tolerances import assert_near

from mmdet_multimix.ops import attend, mixed_cross_entropy, sample_weights, score_attention

F64 = torch.float64


def by_loops(logits, labels, link):
    """The docstring, a number at a time; background is the label after the last logit of a sigmoid."""
    rows, scores = logits.tolist(), []
    for row, y in zip(rows, labels, strict=True):
        if link == 'softmax':
            scores.append(math.exp(row[y]) / sum(math.exp(x) for x in row))
        else:
            p = [1 / (1 + math.exp(-x)) for x in row]
            scores.append(p[y] if y < len(row) else 1 - max(p))
    means = {}
    for y in set(labels):
        of_label = [s for s, other in zip(scores, labels, strict=True) if other == y]
        means[y] = sum(of_label) / len(of_label)
    return torch.tensor([s / means[y] for s, y in zip(scores, labels, strict=True)], dtype=F64)


@pytest.mark.parametrize('link', ['softmax', 'sigmoid'])
@pytest.mark.parametrize(('b', 'c'), [(30, 4), (5, 7), (1, 3), (6, 1)])
def test_equals_loops(link, b, c):
    logits = torch.randn(b, c, dtype=F64) * 2
    labels = torch.randint(0, c + (link == 'sigmoid'), (b,))
    a = score_attention(logits, labels, link=link)
    assert_near(a, by_loops(logits, labels.tolist(), link), F64)


def test_soft_targets_have_their_largest_entry_for_a_label():
    logits = torch.randn(5, 3, dtype=F64)
    soft = torch.tensor([[0, 0.9, 0], [0.1, 0, 0], [0, 0, 0], [0.2, 0.3, 0], [0, 0, 0]], dtype=F64)
    for_labels = score_attention(logits, torch.tensor([1, 0, 3, 1, 3]), link='sigmoid')
    assert torch.equal(score_attention(logits, soft, link='sigmoid'), for_labels)


@pytest.mark.parametrize('link', ['softmax', 'sigmoid'])
def test_it_moves_weight_within_a_label_and_not_between_labels(link):
    logits, labels = torch.randn(40, 3, dtype=F64) * 3, torch.randint(0, 3, (40,))
    a = score_attention(logits, labels, link=link)
    for y in range(3):
        assert_near(a[labels == y].mean(), torch.ones((), dtype=F64), F64)
    better = logits.clone()
    better[7, labels[7]] += 1
    moved = score_attention(better, labels, link=link) - a
    same = labels == labels[7]
    assert moved[7] > 0 and (moved[~same] == 0).all() and (moved[same].sort().values[:-1] < 0).all()


def test_equal_scores_are_plain_multimix():
    logits, labels = torch.randn(1, 4, dtype=F64).expand(6, 4), torch.tensor([0, 1, 1, 2, 2, 2])
    weights = sample_weights(20, 6, dtype=F64)
    a = score_attention(logits, labels)
    attended = attend(weights.unsqueeze(0), a.unsqueeze(1))
    plain = mixed_cross_entropy(logits, labels, weights)
    assert_near(mixed_cross_entropy(logits.unsqueeze(0), labels, attended), plain, F64)


@pytest.mark.parametrize('link', ['softmax', 'sigmoid'])
@pytest.mark.parametrize('scale', [1e2, 1e4])
def test_scores_that_vanish(link, scale):
    logits = torch.tensor([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]]) * scale
    a = score_attention(logits, torch.tensor([0, 1, 1]), link=link)
    assert torch.equal(a, torch.ones(3))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_it_is_detached_and_computed_in_float32(dtype):
    logits = torch.randn(8, 5).to(dtype).requires_grad_()
    labels = torch.randint(0, 5, (8,))
    a = score_attention(logits, labels, link='sigmoid')
    assert a.dtype == torch.float32 and not a.requires_grad
    assert_near(a, score_attention(logits.double(), labels, link='sigmoid'), torch.float32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(score_attention(logits, labels, link='sigmoid'), a)


@pytest.mark.parametrize('link', ['softmax', 'sigmoid'])
def test_no_examples(link):
    assert score_attention(torch.zeros(0, 3), torch.zeros(0).long(), link=link).shape == (0,)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(logits=torch.zeros(2, 2, 3)), 'logits must be'),
        (dict(link='cosine'), 'link must be one of'),
        (dict(targets=torch.zeros(3).long()), 'targets must be'),
        (dict(targets=torch.tensor([0, 3])), 'targets must lie in'),
    ],
)
def test_bad_arguments(arguments, message):
    good = dict(logits=torch.zeros(2, 3), targets=torch.zeros(2).long())
    with pytest.raises(ValueError, match=message):
        score_attention(**{**good, **arguments})
