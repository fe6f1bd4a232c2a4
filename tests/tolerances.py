"""The one table of tolerances: how far two ways of computing the same number may lie apart.

Relative to the largest expected entry, or to FLOOR where all of them are smaller than that. Half types
stand for a rounding of the inputs: what is computed from them is computed in float32.
"""

import torch

TOLERANCE = {
    torch.float64: 1e-11,
    torch.float32: 5e-6,
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
}

FLOOR = 1e-3


def assert_near(actual: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype, what: str = '') -> None:
    """Compare within the tolerance of dtype, relative to the largest expected entry."""
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    assert torch.isfinite(actual).all(), f'{what}: not finite'
    actual, expected = actual.detach().double(), expected.detach().double()
    if not expected.numel():
        return
    scale = max(float(expected.abs().max()), FLOOR)
    error = float((actual - expected).abs().max()) / scale
    assert error <= TOLERANCE[dtype], f'{what}: relative error {error:.2e} > {TOLERANCE[dtype]:.0e}'
