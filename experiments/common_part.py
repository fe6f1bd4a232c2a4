"""A trial: does the mixed term teach more when the part that all examples share is weaker?

``docs/signal.md`` says what that part is and reports what the trial gave. Nothing here is shipped: a setting
that gains nothing is not an option of the library. ``python -m experiments.common_part`` runs the trial in a
classifier; ``configs/sweeps/signal_digits.py`` runs it in a detector, through :class:`CommonPartHook`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from rich.progress import track
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_multimix.models import MultiMix
from mmdet_multimix.utils.unwrap import unwrapped

SEEDS = range(5)
TRAIN_IMAGES, BATCH, EPOCHS, LR = 1000, 64, 60, 0.1
# Name: weight of the mixed term, ess of its tuples, how much of the common part is kept.
TRIALS: dict[str, tuple[float, float, float]] = {
    'cross-entropy': (0, 3, 1),
    **{f'weight 0.5, ess 3, common part x {kept:g}': (0.5, 3, kept) for kept in (1, 0.5, 0.25, 0.1, 0)},
    **{f'weight 1.5, ess 3, common part x {kept:g}': (1.5, 3, kept) for kept in (1, 0.5, 0.25, 0.1, 0)},
    'weight 5, ess 10, common part x 1': (5, 10, 1),
    'weight 5, ess 10, common part x 0.1': (5, 10, 0.1),
}


@HOOKS.register_module()
class CommonPartHook(Hook):
    """Keeps a fraction of the common part of every MultiMix term in a model while it trains.

    Args:
        kept: The fraction; 1 changes nothing.
    """

    def __init__(self, kept: float = 1.0) -> None:
        self.kept = kept

    def before_train(self, runner: Runner) -> None:
        """Finds the terms."""
        weaken(unwrapped(runner), self.kept)


def weaken(model: nn.Module, kept: float) -> None:
    """Lets the gradient of each MultiMix term keep a fraction of its mean over the examples.

    Args:
        model: What has the terms in it.
        kept: The fraction.
    """
    for module in model.modules() if kept != 1 else ():
        if isinstance(module, MultiMix):
            module._mixed = functools.partial(_weakened, module._mixed, kept)


def _weakened(mixed: Callable[..., Tensor], kept: float, logits: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if logits.requires_grad:
        logits = logits.view_as(logits)  # the hook is for this term alone
        logits.register_hook(lambda grad: grad - (1 - kept) * grad.mean(dim=-2, keepdim=True))
    return mixed(logits, *args, **kwargs)


def trial(weight: float, ess: float, kept: float, seed: int) -> dict[str, float]:
    """Trains a small classifier of scikit-learn's digits on cross-entropy and the mixed term.

    Args:
        weight: Of the mixed term, beside cross-entropy with weight 1.
        ess: Examples that share a tuple.
        kept: The fraction of the common part.
        seed: Of the split, the weights and the order.

    Returns:
        Test error in percent, negative log-likelihood, and the largest logit.
    """
    torch.manual_seed(seed)
    found = load_digits()
    images, labels = torch.tensor(found.data).float() / 16, torch.tensor(found.target)
    order = torch.randperm(len(images))
    train, test = order[:TRAIN_IMAGES], order[TRAIN_IMAGES:]
    model = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10))
    term = MultiMix(ess=ess, loss_weight=weight)
    weaken(term, kept)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for chosen in train[torch.randperm(len(train))].split(BATCH):
            logits = model(images[chosen])
            loss = F.cross_entropy(logits, labels[chosen]) + (term(logits, labels[chosen]) if weight else 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        logits = model(images[test])
    error = (logits.argmax(1) != labels[test]).float().mean().item() * 100
    nll = F.cross_entropy(logits, labels[test]).item()
    return {'error %': error, 'NLL': nll, 'largest logit': logits.max().item()}


def main() -> None:
    """Prints the mean and the standard deviation over the seeds of each trial."""
    cases = [(name, seed) for name in TRIALS for seed in SEEDS]
    rows = [{'trial': name, **trial(*TRIALS[name], seed)} for name, seed in track(cases, 'Training')]
    groups = pd.DataFrame(rows).groupby('trial', sort=False)
    mean, std = groups.mean(), groups.std()
    shown = {key: [f'{m:.3f} ± {s:.3f}' for m, s in zip(mean[key], std[key], strict=True)] for key in mean}
    print(pd.DataFrame(shown, index=mean.index).to_markdown())


if __name__ == '__main__':
    main()
