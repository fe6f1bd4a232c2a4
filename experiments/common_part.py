"""A trial: does the mixed term teach more when the part that all examples share is weaker?

``docs/signal.md`` says what that part is and reports what the trial gave. Nothing here is shipped: a setting
that gains nothing is not an option of the library. ``python -m experiments.common_part`` runs the trial in a
classifier; ``configs/sweeps/signal_digits.py`` runs it in a detector, through :class:`CommonPartHook`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
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
from mmdet_multimix.models.multimix import mixing_modules
from mmdet_multimix.utils.files import write_text
from mmdet_multimix.utils.provenance import versions
from mmdet_multimix.utils.unwrap import unwrapped

SEEDS = range(5)
TRAIN_IMAGES, BATCH, EPOCHS, LR = 1000, 64, 60, 0.1


@dataclasses.dataclass(frozen=True)
class Trial:
    """Weight of the mixed term, ess of its tuples, what is kept of the common part; a rival's smoothing."""

    weight: float = 0.0
    ess: float = 3.0
    kept: float = 1.0
    label_smoothing: float = 0.0

    def __str__(self) -> str:
        if not self.weight:
            smoothing = f', label smoothing {self.label_smoothing:g}' if self.label_smoothing else ''
            return f'cross-entropy{smoothing}'
        return f'weight {self.weight:g}, ess {self.ess:g}, common part x {self.kept:g}'


KEPT = (1, 0.5, 0.25, 0.1, 0)
TRIALS = (
    Trial(),
    Trial(label_smoothing=0.1),
    *(Trial(weight, 3, kept) for weight in (0.5, 1.5) for kept in KEPT),
    # A weight that follows the tuples: the signal that is added stays the same.
    *(Trial(ess / 2, ess, kept) for ess in (5, 10, 20) for kept in (1, 0.1)),
)


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
    for term in mixing_modules(model).values() if kept != 1 else ():
        term._mixed = functools.partial(_weakened, term._mixed, kept)


def _weakened(mixed: Callable[..., Tensor], kept: float, logits: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if logits.requires_grad:
        logits = logits.view_as(logits)  # the hook is for this term alone
        logits.register_hook(lambda grad: grad - (1 - kept) * grad.mean(dim=-2, keepdim=True))
    return mixed(logits, *args, **kwargs)


def run(trial: Trial, seed: int) -> dict[str, float]:
    """Trains a small classifier of scikit-learn's digits on cross-entropy and the mixed term.

    Args:
        trial: What it is trained with, beside cross-entropy with weight 1.
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
    term = MultiMix(ess=trial.ess, loss_weight=trial.weight)
    weaken(term, trial.kept)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for chosen in train[torch.randperm(len(train))].split(BATCH):
            logits = model(images[chosen])
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=trial.label_smoothing)
            if trial.weight:
                loss = loss + term(logits, labels[chosen])
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
    """Prints mean and standard deviation over the seeds, and the changes from cross-entropy, seed by seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument('--out', default='docs/images/common_part.json', help='all values of all seeds')
    out = Path(parser.parse_args().out)
    cases = [(trial, seed) for trial in TRIALS for seed in SEEDS]
    runs = [
        {'trial': str(trial), 'seed': seed, **run(trial, seed)} for trial, seed in track(cases, 'Training')
    ]
    write_text(out, json.dumps({'versions': versions(), 'runs': runs}) + '\n')
    found = pd.DataFrame(runs).set_index(['trial', 'seed'])
    changes = found - found.loc[str(TRIALS[0])]
    print(
        pd.concat(
            {key: _shown(found[key], 'std') for key in found}
            | {f'{key}, change': _shown(changes[key], 'sem', '+') for key in ('error %', 'NLL')},
            axis=1,
        ).to_markdown()
    )


def _shown(values: pd.Series, spread: str, sign: str = '') -> pd.Series:
    groups = values.groupby('trial', sort=False)
    return groups.mean().map(f'{{:{sign}.3f}}'.format) + groups.agg(spread).map(' ± {:.3f}'.format)


if __name__ == '__main__':
    main()
