"""The trials of the sweeps: a second term beside the first, and tuples that narrow."""

from types import SimpleNamespace

import pytest
import torch
from tolerances import assert_near
from torch import nn

from experiments.trial_hooks import NarrowingHook, SecondTermHook
from mmdet_multimix.models import MultiMix

LOGITS, LABELS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 4


def runner_of(model, iteration=0):
    return SimpleNamespace(model=model, iter=iteration, max_iters=5)


def test_tuples_narrow_in_geometric_steps():
    term = MultiMix(alpha=1.0)
    hook, model, found = NarrowingHook(48, 3), nn.Sequential(term), []
    hook.before_train(runner_of(model))
    for iteration in range(5):
        hook.before_train_iter(runner_of(model, iteration), iteration)
        found.append(term.ess)
    assert found == pytest.approx([48, 24, 12, 6, 3]) and term.alpha is None
    term(LOGITS, LABELS)  # alpha and ess exclude each other: it has ess alone


def test_without_a_start_nothing_narrows():
    term = MultiMix(ess=3)
    hook, run = NarrowingHook(), runner_of(nn.Sequential(term))
    hook.before_train(run)
    hook.before_train_iter(run, 0)
    assert (term.alpha, term.ess) == (None, 3)


@pytest.mark.parametrize('share', [0.0, 0.5])
def test_the_second_term_has_other_tuples_of_the_same_examples(share):
    generator = torch.Generator()
    term = MultiMix(ess=3, loss_weight=2.0, generator=generator)
    SecondTermHook(share, alpha=(0.5, 2.0)).before_train(runner_of(nn.Sequential(term)))
    generator.manual_seed(1)
    found = term(LOGITS, LABELS)
    generator.manual_seed(1)
    expected = MultiMix(ess=3, loss_weight=2.0, generator=generator)(LOGITS, LABELS)
    if share:
        expected = expected + share * MultiMix(loss_weight=2.0, generator=generator)(LOGITS, LABELS)
    assert_near(found, expected, torch.float32)
    assert (term.alpha, term.ess) == (None, 3)
