"""Temperature scaling of a classifier, the baseline that calibration by training has to beat."""

from __future__ import annotations

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

_LOG_RANGE = (math.log(1e-2), math.log(1e2))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T of least negative log-likelihood of ``softmax(logits / T)``, between 1/100 and 100.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.

    Args:
        logits: ``(N, c)``.
        labels: ``(N,)``.
    """
    logits = logits.double()

    def nll(log_temperature: float) -> float:
        return F.cross_entropy(logits / math.exp(log_temperature), labels).item()

    found = minimize_scalar(nll, bounds=_LOG_RANGE, method='bounded', options={'xatol': 1e-6})
    return math.exp(found.x)


def cross_fitted_confidence(logits: Tensor, labels: Tensor) -> tuple[Tensor, float]:
    """Confidences after scaling, each image by a temperature that was fitted without it.

    Every other image makes a half, as sets may be sorted by class; a temperature is fitted to each and used
    on the other. So all images are measured, as without scaling.

    Args:
        logits: ``(N, c)``.
        labels: ``(N,)``.

    Returns:
        Maximum of the scaled softmax, ``(N,)`` float64, and the mean of the two temperatures. Of a single
        image they are what they are without scaling, and 1.
    """
    confidence = torch.empty(len(labels), dtype=torch.float64, device=logits.device)
    temperatures = []
    for half in range(2):
        measured, other = slice(half, None, 2), slice(1 - half, None, 2)
        temperatures.append(fit_temperature(logits[other], labels[other]) if len(labels) > 1 else 1.0)
        confidence[measured] = (logits[measured].double() / temperatures[-1]).softmax(dim=1).amax(dim=1)
    return confidence, sum(temperatures) / 2
