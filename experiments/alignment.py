"""What tables say of AlignMixup, which at another stage is another method."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmdet.registry import MODELS
from mmengine.config import Config

from mmdet_multimix.models.classification import AlignMixup


def alignmixup_note(methods: Mapping[str, Config]) -> str:
    """Where the methods of a table that are AlignMixup align, a sentence each; empty if none is.

    Args:
        methods: Configs of classifiers by what the table calls them.
    """
    return ' '.join(
        f'{name} aligns {_setting(dict(method))}.'
        for name, cfg in methods.items()
        if (method := cfg.model.get('method')) and _is_alignmixup(method['type'])
    )


def _is_alignmixup(kind: Any) -> bool:
    return (MODELS.get(kind) if isinstance(kind, str) else kind) is AlignMixup


def _setting(method: dict[str, Any]) -> str:
    parameters = inspect.signature(AlignMixup).parameters
    found = {key: parameter.default for key, parameter in parameters.items()} | method
    text = f'at a random one of stages=({", ".join(map(str, found["stages"]))})'
    if len(found['stages']) == 1:
        text = f'at stage {found["stages"][0]}'
    text += f', in {found["iterations"]} iterations at most'
    if found['tolerance'] is not None:
        text += f', stopped at a change below {found["tolerance"]:g}'
    return f'{text}, rows normalised' if found['normalise_rows'] else text
