"""Image transforms by name: the classes of ``torchvision.transforms.v2`` in a config."""

import difflib
import inspect
from collections.abc import Sequence

from torchvision.transforms import v2


def build_transforms(cfgs: Sequence[dict]) -> v2.Transform:
    """Build a pipeline of torchvision's v2 transforms.

    Args:
        cfgs: One dict a transform, ``type`` naming a class of ``torchvision.transforms.v2`` and the other
            keys its arguments, e.g. ``dict(type='RandomCrop', size=32, padding=4)``. Interpolation modes
            are given by their name (``interpolation='bicubic'``).

    Returns:
        The pipeline: an RGB ``PIL.Image`` in, a uint8 tensor (3, h, w) out.

    Raises:
        ValueError: A name that torchvision does not have, or arguments that it does not take.
    """
    if not isinstance(cfgs, (list, tuple)):
        raise ValueError(f'transforms must be a list of dicts with a `type`, got {cfgs!r}')
    steps = [_build_one(cfg) for cfg in cfgs]
    return v2.Compose([*steps, v2.PILToTensor()])


def _build_one(cfg: dict) -> v2.Transform:
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise ValueError(f'a transform must be a dict with a `type`, got {cfg!r}')
    kwargs = {key: value for key, value in cfg.items() if key != 'type'}
    if isinstance(kwargs.get('interpolation'), str):
        kwargs['interpolation'] = v2.InterpolationMode(kwargs['interpolation'])

    known = _known_transforms()
    if cfg['type'] not in known:
        close = difflib.get_close_matches(cfg['type'], known)
        hint = f'; did you mean {" or ".join(close)}?' if close else ''
        raise ValueError(f'torchvision.transforms.v2 has no transform {cfg["type"]!r}{hint}')
    try:
        return known[cfg['type']](**kwargs)
    except TypeError as error:
        raise ValueError(f'transform {cfg["type"]}: {error}') from error


def _known_transforms() -> dict[str, type[v2.Transform]]:
    return {
        name: member
        for name, member in inspect.getmembers(v2, inspect.isclass)
        if issubclass(member, v2.Transform) and member is not v2.Transform
    }
