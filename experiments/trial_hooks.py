"""Trials of `configs/sweeps/signal_digits.py`: two mixed terms at once, and tuples that narrow in training.

Nothing here is shipped: a setting that gains nothing is not an option of the library.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor

from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.multimix import mixing_modules
from mmdet_multimix.utils.unwrap import unwrapped


@HOOKS.register_module()
class NarrowingHook(Hook):
    """Lets the tuples of every MultiMix term narrow: ess falls from one iteration to the next.

    Args:
        start: ess of the first iteration; None changes nothing.
        end: ess of the last one. Those between are in geometric steps.
    """

    def __init__(self, start: float | None = None, end: float = 3.0) -> None:
        self.start, self.end = start, end
        self.terms: list[MultiMix] = []

    def before_train(self, runner: Runner) -> None:
        """Finds the terms."""
        self.terms = [] if self.start is None else list(mixing_modules(unwrapped(runner)).values())

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Sets ess, and takes alpha out."""
        done = runner.iter / max(runner.max_iters - 1, 1)
        for term in self.terms:
            term.alpha, term.ess = None, self.start * (self.end / self.start) ** done


@HOOKS.register_module()
class SecondTermHook(Hook):
    """Gives every MultiMix term a second one of the same examples, with tuples of the paper's alpha.

    Args:
        share: Weight of the second term, as a share of the first one's; 0 changes nothing.
        alpha: Its concentration, or a range.
    """

    def __init__(self, share: float = 0.0, alpha: float | tuple[float, float] = (0.5, 2.0)) -> None:
        self.share, self.alpha = share, alpha

    def before_train(self, runner: Runner) -> None:
        """Finds the terms."""
        for term in mixing_modules(unwrapped(runner)).values() if self.share else ():
            term._mixed = functools.partial(_doubled, term, term._mixed, self.share, self.alpha)


def _doubled(
    term: MultiMix,
    mixed: Callable[..., Tensor],
    share: float,
    alpha: float | tuple[float, float],
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    first, own = mixed(*args, **kwargs), (term.alpha, term.ess)
    term.alpha, term.ess = alpha, None
    try:
        return first + share * mixed(*args, **kwargs)
    finally:
        term.alpha, term.ess = own
