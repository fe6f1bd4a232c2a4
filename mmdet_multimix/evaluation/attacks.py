"""Adversarial perturbations of bounded size, in pixel space.

Both attacks take the gradient of the model, which must be in eval mode. They change every pixel of images in
[0, 1] by ``eps`` at most. ``logits_of`` takes such images and normalises them itself, so that the bound does
not depend on the model's mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..ops.checks import check_count, check_factor

Logits = Callable[[Tensor], Tensor]


def fgsm(logits_of: Logits, images: Tensor, labels: Tensor, eps: float) -> Tensor:
    """Fast gradient sign method: one step of size eps.

    Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015, section 4.

    Args:
        logits_of: Logits ``(b, c)`` of images.
        images: ``(b, 3, h, w)`` in [0, 1].
        labels: ``(b,)``.
        eps: Size of the step.

    Returns:
        The perturbed images, in [0, 1].
    """
    check_factor('eps', eps)
    return (images + eps * _sign(logits_of, images, labels)).clamp(0, 1)


def pgd(
    logits_of: Logits,
    images: Tensor,
    labels: Tensor,
    eps: float,
    step: float,
    steps: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent in the l-infinity ball, from a random start in it.

    Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018, section 2.1.

    Args:
        logits_of: Logits ``(b, c)`` of images.
        images: ``(b, 3, h, w)`` in [0, 1].
        labels: ``(b,)``.
        eps: Radius of the ball.
        step: Size of each step.
        steps: Number of steps.
        generator: Draws the start, on the device of the images. None means the global one.

    Returns:
        The perturbed images, in the ball and in [0, 1].
    """
    check_factor('eps', eps)
    check_factor('step', step)
    check_count('steps', steps)
    low, high = (images - eps).clamp(min=0), (images + eps).clamp(max=1)
    start = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
    perturbed = (images + eps * (2 * start - 1)).clamp(low, high)
    for _ in range(steps):
        perturbed = (perturbed + step * _sign(logits_of, perturbed, labels)).clamp(low, high)
    return perturbed


def _sign(logits_of: Logits, images: Tensor, labels: Tensor) -> Tensor:
    """Sign of the gradient of the cross-entropy with respect to the images."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        # The sum, not the mean: a gradient must not underflow because the batch is large.
        loss = F.cross_entropy(logits_of(images), labels, reduction='sum')
        return torch.autograd.grad(loss, images)[0].sign()
