"""The theory that is drawn beside what is measured."""

import math

import pytest

from experiments.signal_figure import STRENGTHS, mean_square, theory


@pytest.mark.parametrize('b', [2, 16, 512])
def test_theory_is_one_over_b_alpha_plus_one(b):
    assert math.isclose(theory(b, alpha=1.25), 1 / (1.25 * b + 1))
    mean = sum(1 / (b * (0.5 + 1.5 * (i + 0.5) / 10000) + 1) for i in range(10000)) / 10000
    assert math.isclose(theory(b, alpha=(0.5, 2.0)), mean, rel_tol=1e-6)


@pytest.mark.parametrize('ess', [2.0, 3.0, 10.0])
def test_theory_of_effective_sizes(ess):
    assert mean_square(64, ess=ess) == 1 / ess
    assert math.isclose(theory(64, ess=ess), theory(64, alpha=(ess - 1) / (64 - ess)))
    assert theory(2, ess=ess) == 0  # as many as there are, or more: a uniform tuple has no signal
    assert abs(theory(10**6, ess=ess) - 1 / ess) < 1e-5


def test_all_strengths_are_drawn():
    assert len(STRENGTHS) == 5 and all(0 < theory(128, **strength) < 1 for strength in STRENGTHS.values())
