"""How much of a mixed loss teaches to tell examples apart.

Shape letters: b examples, c classes, r positions.
"""

from __future__ import annotations

from torch import Tensor, where


def gradient_signal(mixed: Tensor, own: Tensor) -> Tensor:
    """The share of a loss's discriminative gradient that a mixed loss adds.

    The gradient of a loss for the logits of a mini-batch has a mean over the examples, which moves
    all of them alike towards the class prior, and the rest, which tells them apart. The signal is
    the rest of the mixed loss, projected on that of the unmixed loss of the same examples::

        mixed, own = mixed - mixed.mean(-2, keepdim=True), own - own.mean(-2, keepdim=True)
        (mixed * own).sum() / own.square().sum()

    For cross-entropy, weights ~ Dirichlet(alpha) over b examples and small logits it is
    ``1 / (b alpha + 1)``. It is not from the paper; ``docs/signal.md`` derives and plots it.

    Args:
        mixed: Gradient of the mixed loss, ``(b, c)``, or ``(r, b, c)`` at r positions, each of which
            has a common part of its own.
        own: Gradient of the unmixed loss, the mean over the examples and positions, of the same shape.

    Returns:
        A scalar; 0 where ``own`` does not tell the examples apart. Nothing waits for the device.

    Raises:
        ValueError: Shapes that differ.
    """
    if mixed.shape != own.shape:
        raise ValueError(f'mixed and own must be alike, got {tuple(mixed.shape)} and {tuple(own.shape)}')
    if not mixed.numel():
        return mixed.new_zeros(())
    mixed, own = mixed - mixed.mean(dim=-2, keepdim=True), own - own.mean(dim=-2, keepdim=True)
    norm = own.square().sum()
    alive = norm > 0
    return where(alive, (mixed * own).sum() / where(alive, norm, 1), 0)
