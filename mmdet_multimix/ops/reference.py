"""The paper's equations, in loops, on embeddings, in float64. For tests and benchmarks only.

Venkataramanan, Kijak, Amsaleg, Avrithis: Embedding Space Interpolation Beyond Mini-Batch, Beyond
Pairs and Beyond Examples, NeurIPS 2023. Numbers in brackets are its equations, as far as the
caption of its figure 2 gives them.

Everything here is done the slow way on purpose: embeddings are interpolated one tuple at a time,
then classified, and no identity of :mod:`~mmdet_multimix.ops.fused` is used.

Shape letters: b examples, n tuples, c classes, d channels, r positions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def _rows(targets: Tensor, c: int) -> list[Tensor]:
    """Targets as a list of b rows over c classes; the integer c is a row of zeros."""
    if targets.is_floating_point():
        return list(targets.double())
    rows = []
    for label in targets.tolist():
        row = torch.zeros(c, dtype=torch.float64)
        if label < c:
            row[label] = 1
        rows.append(row)
    return rows


def interpolate(weights: Tensor, vectors: list[Tensor] | Tensor) -> Tensor:
    """One tuple, ``Σ_k λ_k v_k`` for weights ``(b,)`` and b vectors, as in (12) and (13)."""
    mixed = torch.zeros_like(vectors[0], dtype=torch.float64)
    for weight, vector in zip(weights.double(), vectors, strict=True):
        mixed = mixed + weight * vector.double()
    return mixed


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of one example: logits and target ``(c,)``."""
    shifted = logits - logits.detach().max()
    log_p = shifted - shifted.exp().sum().log()
    loss = torch.zeros((), dtype=torch.float64)
    for y, log in zip(target, log_p, strict=True):
        loss = loss - y * log
    return loss


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of one example, the sum over its classes: logits and target ``(c,)``."""
    loss = torch.zeros((), dtype=torch.float64)
    for y, s in zip(target, logits, strict=True):
        log_p, log_q = -torch.log1p(torch.exp(-s)), -torch.log1p(torch.exp(s))
        loss = loss - y * log_p - (1 - y) * log_q
    return loss


def multimix(
    embeddings: Tensor,
    targets: Tensor,
    weights: Tensor,
    classifier: Tensor,
    bias: Tensor | None = None,
    criterion: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> Tensor:
    """MultiMix: the mean loss of n interpolated embeddings.

    Embeddings ``(b, d)``, targets ``(b,)`` or ``(b, c)``, weights ``(n, b)``, classifier
    ``(c, d)``, bias ``(c,)``.
    """
    rows = _rows(targets, classifier.shape[0])
    total = torch.zeros((), dtype=torch.float64)
    for weight in weights:
        z = interpolate(weight, list(embeddings))
        y = interpolate(weight, rows)
        logits = classifier.double() @ z
        if bias is not None:
            logits = logits + bias.double()
        total = total + criterion(logits, y)
    return total / len(weights)


def attention_map(embedding: Tensor, direction: Tensor) -> Tensor:
    """(9): embedding ``(d, r)`` and direction ``(d,)`` give ``(r,)`` that sums to 1."""
    a = [torch.dot(z.double(), direction.double()).clamp_min(0) for z in embedding.t()]
    total = sum(a)
    if total == 0:
        return torch.full((len(a),), 1 / len(a), dtype=torch.float64)
    return torch.stack([x / total for x in a])


def attended(weights: Tensor, attention: Tensor) -> Tensor:
    """(10) and (11): weights ``(b,)`` of a tuple at a position, attention ``(b,)`` there."""
    products = [w * a for w, a in zip(weights.double(), attention.double(), strict=True)]  # (10)
    total = sum(products)
    if total == 0:
        return weights.double()
    return torch.stack([p / total for p in products])  # (11)


def dense_multimix(
    embeddings: Tensor,
    targets: Tensor,
    weights: Tensor,
    attention: Tensor,
    classifier: Tensor,
    bias: Tensor | None = None,
    criterion: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> Tensor:
    """Dense MultiMix: the mean over positions of MultiMix with attended weights.

    Embeddings ``(b, d, r)``, weights ``(r, n, b)``, attention ``(b, r)``, targets ``(b,)``,
    ``(b, c)``, or per position ``(r, b)``, ``(r, b, c)``; the rest as in :func:`multimix`.
    """
    total = torch.zeros((), dtype=torch.float64)
    r = embeddings.shape[2]
    everywhere = targets.dim() == (2 if targets.is_floating_point() else 1)
    for j in range(r):
        rows = torch.stack([attended(weight, attention[:, j]) for weight in weights[j]])
        y = targets if everywhere else targets[j]
        total = total + multimix(embeddings[:, :, j], y, rows, classifier, bias, criterion)
    return total / r


def focal(kind: str, gamma: float, alpha: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A criterion for :func:`multimix`: the focal loss of one example, class by class."""

    def criterion(logits: Tensor, target: Tensor) -> Tensor:
        loss = torch.zeros((), dtype=torch.float64)
        for y, s in zip(target, logits, strict=True):
            log_p, log_q = -torch.log1p(torch.exp(-s)), -torch.log1p(torch.exp(s))
            p = log_p.exp()
            if kind == 'quality':
                loss = loss + (y - p).abs() ** gamma * -(y * log_p + (1 - y) * log_q)
            else:
                loss = loss - y * alpha * (1 - p) ** gamma * log_p
                loss = loss - (1 - y) * (1 - alpha) * p**gamma * log_q
        return loss

    return criterion
