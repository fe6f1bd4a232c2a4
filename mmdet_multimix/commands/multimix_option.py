"""``--multimix``: MultiMix in a detector whose config stays as it is, from the command line."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import fields
from typing import Any

from mmengine.config import Config

from ..checks import PreflightError
from ..checks.config_file import OverrideAction
from ..engine import MultiMixHook
from ..models.detection.settings import MixingSettings
from ..utils.registered import class_name
from .running import is_classifier

_PACKAGE = 'mmdet_multimix'


class SettingsAction(OverrideAction):
    """Reads ``KEY=VALUE ...``, maybe none, into a dict."""

    hint = '; the config stands before it'  # which the option has swallowed, most likely


def add_multimix(cfg: Config, settings: dict[str, Any]) -> None:
    """Add ``MultiMixHook`` to the hooks that a config and its bases have, or set it where they have one.

    The config as it is dumped says so too, and imports this package.

    Args:
        cfg: The config; changed in place.
        settings: Arguments of the hook.

    Raises:
        PreflightError: A setting that the hook does not have, a value that it refuses, or a classifier.
    """
    if is_classifier(cfg):
        raise PreflightError(
            '--multimix is for detectors; a classifier has it in its head, as configs/pretrain has it: '
            "model=dict(head=dict(type='MultiMixHead'))"
        )
    hooks = list(cfg.get('custom_hooks') or [])
    name = MultiMixHook.__name__
    dicts = [hook for hook in hooks if isinstance(hook, dict)]  # a config in Python may build some
    mine = next((hook for hook in dicts if class_name(hook.get('type')).split('.')[-1] == name), None)
    if mine is None:
        hooks.append(mine := dict(type=name))
    mine.update(settings)
    _check({key: value for key, value in mine.items() if key not in ('type', 'priority')})
    cfg.custom_hooks = hooks
    imports = dict(cfg.get('custom_imports') or dict(allow_failed_imports=False))
    there = imports.get('imports') or []
    there = [there] if isinstance(there, str) else list(there)
    cfg.custom_imports = imports | dict(imports=[*there, *([] if _PACKAGE in there else [_PACKAGE])])
    print(f'--multimix: {mine}, beside {len(hooks) - 1} other custom_hooks of the config', flush=True)


def _check(settings: dict[str, Any]) -> None:
    own = [
        parameter.name
        for parameter in inspect.signature(MultiMixHook).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    known = [*(field.name for field in fields(MixingSettings)), *own]
    for key in settings:
        if key not in known:
            close = difflib.get_close_matches(key, known)
            hint = f'; did you mean {" or ".join(close)}?' if close else f': it has {", ".join(known)}'
            raise PreflightError(f'--multimix: MultiMixHook has no setting {key!r}{hint}')
    try:
        MultiMixHook(**settings)
    except (TypeError, ValueError) as error:
        raise PreflightError(f'--multimix: {error}') from error
