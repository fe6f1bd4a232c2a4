"""Attention of Dense MultiMix, eqs. (9) to (11): how far an example's label holds at each position.

Shape letters: b examples, c classes, d channels, h x w or r positions, n tuples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_attention, check_choice, check_labels
from .inputs import compute_dtype

KINDS = ('gap', 'cam', 'mean', 'uniform')
NORMS = ('relu', 'softmax')


def spatial_attention(
    features: Tensor,
    *,
    kind: str = 'gap',
    norm: str = 'relu',
    weight: Tensor | None = None,
    labels: Tensor | None = None,
) -> Tensor:
    """Confidence that the label of an example holds at each of its positions, eq. (9).

    ``a = relu(zᵀ u)``, l1-normalised over the positions, where the direction u is

    * ``'gap'``: the example's own embedding, averaged over the positions;
    * ``'cam'``: the row of the classifier's ``weight`` of the example's label, as in class
      activation maps; for soft labels the expected row;
    * ``'mean'``: all ones: the map is the sum over the channels, which eq. (9) makes what their mean is;
    * ``'uniform'``: no direction, all positions alike.

    With ``norm='softmax'`` it is ``a = softmax(zᵀ u)`` over the positions instead, which no position is
    left out of.

    Which direction the paper takes is not known to us; these are the readings that we have met.
    Where the ReLU leaves nothing of a map, eq. (9) is 0 / 0, and the map becomes uniform.

    Args:
        features: ``(b, d, h, w)`` or ``(b, d, r)``.
        kind: ``'gap'``, ``'cam'``, ``'mean'`` or ``'uniform'``.
        norm: ``'relu'`` or ``'softmax'``.
        weight: ``(c, d)``, for ``'cam'``.
        labels: ``(b,)`` integers or ``(b, c)`` soft, for ``'cam'``.

    Returns:
        ``(b, r)``, non-negative, rows sum to 1; float32 at least.

    Raises:
        ValueError: An unknown kind or norm, a missing argument of ``'cam'``, shapes that do not match.
    """
    check_choice('kind', kind, KINDS)
    check_choice('norm', norm, NORMS)
    if features.dim() not in (3, 4):
        raise ValueError(f'features must be (b, d, h, w) or (b, d, r), got {_shape(features)}')
    if not features.is_floating_point():
        raise ValueError(f'features must be floating, got {features.dtype}')
    z = features.flatten(2) if features.dim() == 4 else features  # (b, d, r)
    if not z.shape[1] or not z.shape[2]:
        raise ValueError(f'features must have channels and positions, got {_shape(features)}')
    dtype = compute_dtype(z.dtype)
    b, _, r = z.shape
    uniform = torch.full((b, r), 1 / r, dtype=dtype, device=z.device)
    if kind == 'uniform':
        return uniform
    with torch.autocast(z.device.type, enabled=False):
        z = z.to(dtype)
        if kind == 'mean':
            a = z.sum(dim=1)
        else:
            u = z.mean(dim=2) if kind == 'gap' else _label_rows(z, weight, labels)  # (b, d)
            a = torch.bmm(u.unsqueeze(1), z).squeeze(1)
        if norm == 'softmax':
            return a.softmax(dim=1)
        a = a.relu()
        total = a.sum(dim=1, keepdim=True)
        alive = total > 0
        return torch.where(alive, a / torch.where(alive, total, 1), uniform)


def attend(weights: Tensor, attention: Tensor) -> Tensor:
    """Multiply weights by attention, eq. (10), and renormalise every row, eq. (11).

    Where none of a tuple's examples has any attention at a position, eq. (11) is 0 / 0, and the row
    stays as it was drawn. Where they have next to none, the row is right, but no gradient flows
    through it.

    Args:
        weights: ``(r, n, b)``.
        attention: ``(b, r)``.

    Returns:
        ``(r, n, b)``, rows sum to 1.

    Raises:
        ValueError: Shapes that do not match; on the CPU also attention that is negative or not finite. On a
            device negative attention is a device-side assert, and NaN goes through to the loss, where a
            gradient scaler looks for it.
    """
    if weights.dim() != 3 or attention.shape != (weights.shape[2], weights.shape[0]):
        raise ValueError(
            f'weights must be (r, n, b) and attention (b, r), got {_shape(weights)} and {_shape(attention)}'
        )
    if not weights.numel():
        return weights
    check_attention(attention)
    a = attention.t().unsqueeze(1)  # (r, 1, b)
    # Scaling the attention of a position changes nothing. With a largest entry of 1 the products of
    # small attention and small weights do not underflow.
    top = a.detach().amax(dim=2, keepdim=True)
    mixed = weights * (a / torch.where(top > 0, top, 1))  # eq. (10)
    total = mixed.sum(dim=2, keepdim=True)
    solid = total > torch.finfo(total.dtype).eps
    # Nearly always all rows are solid. The CPU can look at no cost; another device would be waited for.
    if weights.device.type == 'cpu' and bool(solid.all()):
        return mixed / total  # eq. (11)
    # The slope of a quotient is one over its divisor. Below the rounding of 1 no step could follow it, and it
    # overflows: such a row has its value and no gradient.
    dead = total <= 0  # NaN is not, and stays NaN
    steep = mixed.detach() / torch.where(dead, 1, total).detach()
    gentle = mixed / torch.where(solid, total, 1)
    return torch.where(solid, gentle, torch.where(dead, weights, steep))  # eq. (11)


def _label_rows(z: Tensor, weight: Tensor | None, labels: Tensor | None) -> Tensor:
    if weight is None or labels is None:
        missing = 'weight' if weight is None else 'labels'
        raise ValueError(f"kind='cam' needs the classifier's weight and labels, {missing} is None")
    if weight.dim() != 2 or weight.shape[1] != z.shape[1]:
        raise ValueError(f'weight must be (c, {z.shape[1]}) like the features, got {_shape(weight)}')
    if labels.shape[:1] != z.shape[:1] or labels.dim() not in (1, 2):
        raise ValueError(f'labels must be ({z.shape[0]},) or (b, c), got {_shape(labels)}')
    weight = weight.to(z.dtype)
    if labels.is_floating_point():
        if labels.shape != (z.shape[0], weight.shape[0]):
            raise ValueError(f'soft labels must be (b, {weight.shape[0]}), got {_shape(labels)}')
        return labels.to(z.dtype) @ weight
    if labels.dtype == torch.bool:
        raise ValueError(f'labels must be integers or floating, got {labels.dtype}')
    check_labels(labels, weight.shape[0])
    return weight[labels.long()]  # as an index, uint8 would be a mask


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
