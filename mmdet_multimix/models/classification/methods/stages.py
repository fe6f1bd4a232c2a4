"""The stages of mmdet's backbones, and a way to change the output of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def backbone_stages(backbone: nn.Module, names: Sequence[str] | None = None) -> list[nn.Module]:
    """The modules whose outputs are the inner features of a backbone, from the first to the last.

    Args:
        backbone: A backbone of mmdet. Those that list their stages are known: ResNet and what derives from
            it (``res_layers``), CSPDarknet, CSPNeXt and MobileNetV2 (``layers``), Swin (``stages``).
        names: Names of the modules, for any other backbone.

    Raises:
        ValueError: The backbone lists no stages, and no names are given; or it does not have these names.
    """
    if names is not None:
        modules = dict(backbone.named_modules())
        unknown = [name for name in names if name not in modules]
        if unknown:
            raise ValueError(
                f'method.stage_names: {type(backbone).__name__} has no module {unknown[0]!r}; '
                f'its children are {", ".join(name for name, _ in backbone.named_children())}'
            )
        return [modules[name] for name in names]
    for attribute in ('res_layers', 'stages', 'layers'):
        found = getattr(backbone, attribute, None)
        if isinstance(found, (list, tuple)) and found and all(isinstance(name, str) for name in found):
            return [getattr(backbone, name) for name in found]
        if isinstance(found, nn.ModuleList) and not any(isinstance(m, nn.ModuleList) for m in found):
            return list(found)
    raise ValueError(
        f'{type(backbone).__name__} does not list its stages: give the names of the modules whose outputs '
        'may be mixed, in their order, as method.stage_names=[...]'
    )


@contextmanager
def changed_output(stage: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Apply ``change`` to every floating-point output of a stage, within the context.

    Args:
        stage: The stage.
        change: Takes a tensor and returns the changed one.
    """
    handle = stage.register_forward_hook(lambda module, inputs, output: _apply(output, change))
    try:
        yield
    finally:
        handle.remove()


def _apply(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(output, Tensor):
        return change(output) if output.is_floating_point() else output
    if type(output) in (tuple, list):  # Swin's stages give features beside their sizes
        return type(output)(_apply(item, change) for item in output)
    return output
