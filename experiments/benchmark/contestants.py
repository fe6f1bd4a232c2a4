"""The contestants of ``tools/benchmark.py ops``, each one forward and backward.

* ``plain``: the paper as written. Λ from torch's gamma sampler, embeddings interpolated, classified,
  soft cross-entropy, autograd.
* ``ours``: the modules of this package, the drawing of Λ included.
* ``floor``: the same classifier at the same positions and plain cross-entropy, no mixing at all.

Shape letters: b examples, n tuples, c classes, d channels, r positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.ops import attend, spatial_attention

NAMES = ('plain', 'ours', 'floor')


@dataclass(frozen=True)
class Case:
    """One setting; without r there are no positions, without ess alpha is the paper's."""

    name: str
    b: int
    d: int
    c: int
    n: int
    r: int | None = None
    ess: float | None = None

    @property
    def sizes(self) -> dict[str, int | None]:
        """The shape letters and their values."""
        return {k: v for k, v in asdict(self).items() if k != 'name'}


CASES = (
    Case('dense, ImageNet', b=128, d=2048, c=1000, n=1000, r=49),
    Case('dense, CIFAR-100', b=128, d=512, c=100, n=1000, r=16),
    Case('no positions, ImageNet', b=128, d=2048, c=1000, n=1000),
    # As the heads of detectors mix: all RoIs, a few in each tuple.
    Case('RoI embeddings, COCO', b=1024, d=1024, c=81, n=1000, ess=3),
)
SCALING = tuple(Case(f'n = {n}', b=128, d=2048, c=1000, n=n) for n in (10**3, 10**4, 10**5, 10**6))
TINY = Case('tiny', b=8, d=16, c=5, n=20, r=4)


def build(
    name: str, case: Case, device: str, *, seed: int = 0, compiled: bool = False
) -> Callable[[], Tensor]:
    """A step of a contestant: draws, computes the loss, computes the gradients, returns the loss."""
    generator = torch.Generator(device).manual_seed(seed)
    options = dict(device=device, generator=generator)
    shape = (case.b, case.d) if case.r is None else (case.b, case.d, case.r)
    # Features as a backbone leaves them: after a ReLU, and with a gradient to pass on.
    z = torch.randn(shape, **options).relu_().requires_grad_()
    y = torch.randint(0, case.c, (case.b,), **options)
    torch.manual_seed(seed)
    classifier = nn.Linear(case.d, case.c).to(device)
    loss = {'plain': _plain, 'ours': _ours, 'floor': _floor}[name](case, classifier)
    if compiled:
        loss = torch.compile(loss)

    def step() -> Tensor:
        z.grad = classifier.weight.grad = classifier.bias.grad = None
        value = loss(z, y)
        value.backward()
        return value.detach()

    return step


def _ours(case: Case, classifier: nn.Linear) -> Callable[[Tensor, Tensor], Tensor]:
    if case.r is None:
        module = MultiMix(case.n, ess=case.ess)
        return lambda z, y: module(classifier(z), y)
    dense = DenseMultiMix(case.n)
    return lambda z, y: dense(z, y, classifier)


def _floor(case: Case, classifier: nn.Linear) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(z: Tensor, y: Tensor) -> Tensor:
        if case.r is not None:
            # The layout that ours uses: a permutation of three axes is copied several times slower.
            z = z.reshape(-1, case.r).t().contiguous().view(-1, case.d)
            y = y.repeat(case.r)
        return F.cross_entropy(classifier(z), y)

    return loss


def _plain(case: Case, classifier: nn.Linear) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(z: Tensor, y: Tensor) -> Tensor:
        weights = _stock_weights(case, z.device)  # (n, b) or (r, n, b)
        if case.r is not None:
            weights = attend(weights, spatial_attention(z.detach()))
            z = z.permute(2, 0, 1)  # (r, b, d)
        mixed = weights @ z  # the paper's interpolated embeddings, (..., n, d)
        targets = weights @ F.one_hot(y, case.c).to(weights.dtype)
        logits = classifier(mixed)
        return F.cross_entropy(logits.flatten(0, -2), targets.flatten(0, -2))

    return loss


def _stock_weights(case: Case, device: torch.device) -> Tensor:
    """Λ as torch.distributions would draw it, one alpha per tuple: from U[0.5, 2], or that of ess."""
    shape = (case.n,) if case.r is None else (case.r, case.n)
    alpha = torch.empty(*shape, 1, device=device)
    if case.ess is None:
        alpha.uniform_(0.5, 2.0)
    else:
        alpha.fill_((case.ess - 1) / (case.b - case.ess))
    gamma = torch._standard_gamma(alpha.expand(*shape, case.b))
    return gamma / gamma.sum(dim=-1, keepdim=True)
