"""The choice between the candidates of a method, by their validation."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def choose(candidates: Sequence[str], results: Sequence[dict[str, float]]) -> str:
    """The candidate of least mean validation error; of those that share it, of least mean NLL, the first.

    Args:
        candidates: The candidate of every trial.
        results: `error` and `nll` of every trial.
    """

    def rank(name: str) -> tuple[float, float]:
        mine = [result for other, result in zip(candidates, results, strict=True) if other == name]
        # Errors are shares of a count of images: equal ones must not differ by how they were added up.
        error = statistics.mean(result['error'] for result in mine)
        return round(error, 9), statistics.mean(result['nll'] for result in mine)

    return min(dict.fromkeys(candidates), key=rank)
