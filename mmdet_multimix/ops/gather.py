"""The global mini-batch: logits and targets of all ranks, with a gradient.

Shape letters: b examples of this rank, B of all ranks, c classes, r positions.
"""

from __future__ import annotations

import zlib
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of ranks; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this rank; 0 without a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def gather_examples(*tensors: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Concatenate tensors over the ranks along their axis of examples, in the order of the ranks.

    Every rank is expected to compute the *same* loss from the result, with the same weights. The
    gradient of a rank's own examples is then the same on all ranks, and is known without asking
    them; it is multiplied by the number of ranks, because data-parallel training averages the
    parameter gradients, and each rank contributes only what passed through its own examples.

    Ranks may hold different numbers of examples, none included. Costs one host sync, for those
    numbers.

    Args:
        tensors: All with the same number of examples b.
        dims: The axis of examples of each.

    Returns:
        The same tensors with B examples; without a process group of several ranks those that were given.

    Raises:
        ValueError: On all ranks, where the dtypes or the other axes of some differ.
    """
    if world_size() == 1:
        return tensors
    kinds = [_kind(x, dim) for x, dim in zip(tensors, dims, strict=True)]
    count, digest = tensors[0].shape[dims[0]], zlib.crc32(' '.join(kinds).encode())
    own = torch.tensor([count, digest], dtype=torch.long, device=tensors[0].device)
    sizes = [torch.empty_like(own) for _ in range(world_size())]
    dist.all_gather(sizes, own)
    counts, digests = torch.stack(sizes).t().tolist()
    if len(set(digests)) > 1:  # on every rank, so that none waits for the others
        raise ValueError(
            'the ranks give examples of different kinds, which cannot be one mini-batch: rank '
            f'{rank()} has {", ".join(kinds)}. Give all ranks feature maps of one size, and targets of one '
            'dtype, integer or soft'
        )
    return tuple(_Gather.apply(x, dim, counts) for x, dim in zip(tensors, dims, strict=True))


def _kind(tensor: Tensor, dim: int) -> str:
    """The dtype and the shape of a tensor, whatever its number of examples."""
    shape = ['b' if axis == dim % tensor.dim() else str(size) for axis, size in enumerate(tensor.shape)]
    return f'{tensor.dtype} ({", ".join(shape)})'


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, dim: int, counts: list[int]) -> Tensor:
        ctx.dim, ctx.start, ctx.own = dim, sum(counts[: rank()]), counts[rank()]
        rows = tensor.detach().movedim(dim, 0)
        padded = rows.new_zeros(max(counts), *rows.shape[1:])  # collectives want equal shapes
        padded[: ctx.own] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        # As bytes: gloo knows no bfloat16 in torch 2.1.
        dist.all_gather([part.view(torch.uint8) for part in parts], padded.view(torch.uint8))
        whole = torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
        if not tensor.is_floating_point():
            ctx.mark_non_differentiable(whole)
        return whole.movedim(0, dim)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        own = grad.narrow(ctx.dim, ctx.start, ctx.own)
        return own * world_size(), None, None


class SharedGenerator(torch.Generator):
    """A generator that is made anew for each draw, from the state of the global one."""


def shared_generator(device: torch.device, seed: int | None = None) -> torch.Generator:
    """A generator in the same state on all ranks, seeded by rank 0.

    A new one for every draw: what seeds the global generators after a resume then seeds this one, too.
    Costs one host sync.

    Args:
        device: Where it draws.
        seed: The seed, of which that of rank 0 counts; None draws one from the global generator.
    """
    kind = SharedGenerator if seed is None else torch.Generator
    if seed is None:
        given = torch.randint(1 << 62, (1,), device=device)
    else:
        given = torch.tensor([seed], device=device)
    if world_size() > 1:
        dist.broadcast(given, src=0)
    return kind(device).manual_seed(int(given))
