"""Checks of arguments: each one names the argument and the value it refuses.

A check of a tensor's *values* costs nothing on the CPU but would make an accelerator wait, so
there the values are asserted on the device, or left to show up as NaN in the loss.

Shape letters: b examples, c classes, r positions.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import torch
from torch import Tensor

PAPER_ALPHA = (0.5, 2.0)  # of MultiMix: the range that one alpha is drawn from
# Logits at or below -MASKED count as masked classes. Far from any real logit, and far enough from
# the end of float32 that a sum over a mini-batch stays finite.
MASKED = 1e30
_MANY = 2**31 - 1
_LARGE = 1e30  # what float32 still multiplies
_ROUNDING = 1e-4  # of a weight, which a numerical derivative may take a step below zero


def check_count(name: str, value: int, *, at_most: int | None = None, limit: str | None = None) -> None:
    """Refuse anything but an integer in ``[1, at_most]``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f'{name} must be an integer, got {value!r}')
    if value < 1:
        raise ValueError(f'{name} must be at least 1, got {value}')
    if at_most is not None and value > at_most:
        raise ValueError(f'{name} must be at most {at_most}, {limit}; got {value}')
    if value > _MANY:
        raise ValueError(f'{name} must be at most {_MANY}, which is more than can be drawn; got {value}')


def check_flag(name: str, value: bool) -> None:
    """Refuse anything but True and False: the text 'false' would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f'{name} must be True or False, got {value!r}')


def check_number(name: str, value: float) -> None:
    """Refuse anything but a finite number: True would count as 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not abs(value) < math.inf:
        raise ValueError(f'{name} must be a finite number, got {value!r}')


def check_share(name: str, value: float) -> None:
    """Refuse anything but a number in [0, 1]."""
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f'{name} must lie in [0, 1], got {value!r}')


def check_seed(name: str, value: int) -> None:
    """Refuse anything but a whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f'{name} must be a whole number of at least 0, got {value!r}')


def check_options(name: str, value: dict | None) -> None:
    """Refuse anything but a dict of arguments."""
    if value is not None and not isinstance(value, dict):
        raise ValueError(f'{name} must be a dict of arguments, got {value!r}')


def check_factor(name: str, value: float) -> None:
    """Refuse a factor of a loss that is negative or no finite number."""
    check_number(name, value)
    if value < 0:
        raise ValueError(f'{name} must not be negative, got {value!r}')


def check_generator(generator: torch.Generator | None) -> None:
    """Refuse a seed in the place of a generator."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(
            f'generator must be a torch.Generator, got {generator!r}; one with the seed 3 is '
            'torch.Generator().manual_seed(3)'
        )


def check_drawn_once(generator: torch.Generator | None) -> None:
    """Refuse to draw from a generator while gradients flow back: it is gradient checkpointing that asks.

    It computes a loss a second time, and sets torch's global generators back for it, but no other: the
    gradients would be those of other tuples than the loss.
    """
    flowing_back = getattr(torch._C, '_current_graph_task_id', lambda: -1)() != -1  # not in torch 2.0
    if generator is not None and flowing_back:
        raise ValueError(
            'MultiMix with a generator of its own cannot be computed again by gradient checkpointing, which '
            'sets back the global generators alone: leave generator=None, or keep the loss out of what is '
            'checkpointed'
        )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse anything but one of the choices."""
    if value not in choices:
        raise ValueError(f'{name} must be one of {", ".join(map(repr, choices))}; got {value!r}')


def check_alpha(alpha: float | tuple[float, float]) -> tuple[float, float]:
    """Return ``(low, high)``, or refuse a concentration that is not positive and finite."""
    low, high = _range('alpha', alpha)
    if not (0 < low <= high and math.isfinite(high)):
        raise ValueError(f'alpha must be positive and finite with low <= high, got {alpha!r}')
    if low < 1e-30 or high > _LARGE:
        # The logarithm of a gamma variate is about -1 / alpha, and its square root has to be drawn.
        raise ValueError(f'alpha must lie in [1e-30, {_LARGE:.0e}], got {alpha!r}')
    return low, high


def check_ess(ess: float | tuple[float, float]) -> tuple[float, float]:
    """Return ``(low, high)``, or refuse an effective sample size that is not above 1 and finite."""
    low, high = _range('ess', ess)
    if not (1 < low <= high and math.isfinite(high)):
        raise ValueError(
            f'ess must be above 1 (a tuple of one example) and finite with low <= high, got {ess!r}'
        )
    if high > _LARGE:
        raise ValueError(f'ess must be at most {_LARGE:.0e}, got {ess!r}')
    return low, high


def check_strength(
    alpha: float | tuple[float, float] | None,
    ess: float | tuple[float, float] | None,
    alpha_per: str,
) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Return the ranges of alpha and ess, or refuse anything but one way to say how strongly a tuple mixes.

    None at all means the paper's alpha, which stands beside an ess, too, and is not used then.
    """
    check_choice('alpha_per', alpha_per, ('tuple', 'example'))
    if ess is None:
        return check_alpha(PAPER_ALPHA if alpha is None else alpha), None
    if alpha is not None:
        raise ValueError(
            f'alpha and ess both say how strongly a tuple mixes: give one of them, got alpha={alpha!r} and '
            f'ess={ess!r}'
        )
    if alpha_per == 'example':
        raise ValueError("ess is the size of a whole tuple, so it goes with alpha_per='tuple', got 'example'")
    return PAPER_ALPHA, check_ess(ess)


def _range(name: str, value: float | tuple[float, float]) -> tuple[float, float]:
    """A number, or a pair of them, as a pair."""
    try:
        low, high = (value, value) if isinstance(value, (int, float)) else value
        if any(isinstance(end, (bool, str)) for end in (low, high)):
            raise TypeError
        return float(low), float(high)
    except (TypeError, ValueError):
        raise ValueError(f'{name} must be a number or a (low, high) pair, got {value!r}') from None


def check_finite(name: str, values: Tensor, *, signed: bool = True) -> None:
    """Refuse NaN and infinity, and negative values unless ``signed``; on the CPU only."""
    if values.device.type == 'cpu' and values.numel():
        low, high = _aminmax(values)  # NaN is contagious
        if not bool(low.isfinite() & high.isfinite()):
            raise ValueError(f'{name} must be finite, got values from {float(low):g} to {float(high):g}')
        if not signed and bool(low < -_ROUNDING):
            raise ValueError(f'{name} must not be negative, got {float(low):g}')


def _aminmax(values: Tensor) -> tuple[Tensor, Tensor]:
    values = values.detach()
    if values.dtype == torch.float16 and values.device.type == 'cpu':
        values = values.float()  # torch 2.1 has none for halves there
    return values.aminmax()


def _assert_on_device(good: Tensor, message: str) -> None:
    """Stop the device where ``good`` is false, without a wait for it."""
    try:
        torch._assert_async(good, message)
    except TypeError:  # torch 2.0 takes no message
        torch._assert_async(good)


def check_attention(attention: Tensor) -> None:
    """Refuse attention that is negative, on the CPU also what is not finite."""
    if not attention.numel():
        return
    low, high = _aminmax(attention)
    if attention.device.type != 'cpu':
        # Features that overflow in half precision make NaN of it, for which a gradient scaler skips the step:
        # no reason to stop the device for good.
        _assert_on_device(~(low < 0), 'attention must not be negative')
    elif not bool((low >= 0) & high.isfinite()):
        raise ValueError(
            f'attention must be finite and not negative, got values from {float(low):g} to {float(high):g}'
        )


def check_logits(logits: Tensor, *, competing: bool = True) -> None:
    """Refuse NaN, +inf, and, if classes compete, rows with all of them masked; on the CPU only."""
    if logits.device.type != 'cpu' or not logits.numel():
        return
    top = logits.amax(dim=-1)  # NaN is contagious
    if bool((top.abs() < MASKED).all()):
        return
    if bool(top.isnan().any()):
        raise ValueError('logits contain NaN: the model that gave them has diverged, or its input has NaN')
    if bool((top == math.inf).any()):
        raise ValueError(
            'logits contain +inf: the model that gave them has diverged, or overflowed in half precision'
        )
    if bool((top >= MASKED).any()):
        raise ValueError(f'logits must be below {MASKED:.0e}, got {float(top.max()):.3g}')
    if competing:
        raise ValueError('logits have an example with all its classes masked: leave it out, or unmask one')


def check_labels(labels: Tensor, classes: int, *, background: bool = False) -> None:
    """Refuse integer targets outside ``[0, classes)``, ``[0, classes]`` with a background."""
    last = classes if background else classes - 1
    if not labels.numel():
        return
    if labels.device.type != 'cpu':
        inside = (labels >= 0) & (labels <= last)
        _assert_on_device(inside.all(), f'targets must lie in [0, {last}]')
        return
    low, high = (int(x) for x in labels.aminmax())
    if low < 0 or high > last:
        remedy = ': leave out the examples to be ignored' if low < 0 else ''
        raise ValueError(f'targets must lie in [0, {last}], got {low if low < 0 else high}{remedy}')
