from dataclasses import dataclass

import pytest
import torch
from torch.nn import functional as F

from mmdet_multimix.ops import fused, sample_weights
from mmdet_multimix.ops import weights as weights_module


@dataclass
class Problem:
    """Embeddings, a linear classifier with bias, targets and weights; float64 unless cast."""

    z: torch.Tensor  # (b, d) or (b, d, r)
    w: torch.Tensor  # (c, d)
    bias: torch.Tensor  # (c,)
    targets: torch.Tensor
    weights: torch.Tensor  # (n, b) or (r, n, b)

    def logits(self):
        z = self.z if self.z.dim() == 2 else self.z.permute(2, 0, 1)
        return F.linear(z, self.w, self.bias)

    @property
    def leaves(self):
        """What a training step differentiates; soft targets and weights where they are floats."""
        leaves = dict(z=self.z, w=self.w, bias=self.bias, weights=self.weights)
        if self.targets.is_floating_point():
            leaves['targets'] = self.targets
        return leaves

    def grads(self, loss):
        leaves = self.leaves
        return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def make_problem(r=None, b=5, c=4, d=3, n=6, m=None, targets='integer', background=False, seed=0):
    g = torch.Generator().manual_seed(seed)
    double = dict(dtype=torch.float64, generator=g)
    shape = {'integer': (b,), 'soft': (b, c), 'integer at r': (r, b), 'soft at r': (r, b, c)}[targets]
    if targets.startswith('soft'):
        y = torch.rand(shape, **double) - 0.2  # rows of any sum, entries of either sign: the general case
    else:
        y = torch.randint(0, c + background, shape, generator=g)
    return Problem(
        z=torch.randn((b, d) if r is None else (b, d, r), **double).requires_grad_(),
        w=torch.randn(c, d, **double).requires_grad_(),
        bias=(3 * torch.randn(c, **double)).requires_grad_(),
        targets=y.requires_grad_() if y.is_floating_point() else y,
        weights=sample_weights(n, b, r=r, m=m, generator=g, dtype=torch.float64).requires_grad_(),
    )


@pytest.fixture
def problem():
    return make_problem


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Make blocks so small that small problems need many of them."""

    def shrink(logits, weights):
        monkeypatch.setattr(fused, '_BLOCK_CPU', logits)
        monkeypatch.setattr(weights_module, '_BLOCK_CPU', weights)

    return shrink
