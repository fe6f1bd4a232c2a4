"""What of a config does not count for a run that goes on from a checkpoint."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .reading import meta_of

# By the key of the config, the state in a checkpoint that replaces it, and what that is.
_STATES = {
    'optim_wrapper.optimizer': ('optimizer', 'rates, momentum and decay'),
    'optim_wrapper.paramwise_cfg': ('optimizer', 'rates and decay of single parameters'),
    'param_scheduler': ('param_schedulers', 'schedules'),
}


def unheeded(path: str, checkpoint: dict, cfg: Any) -> Iterator[str]:
    """A line for each setting that was changed and that mmengine replaces by the checkpoint's state.

    The state of another kind replaces only what both have: a schedule that decays otherwise still does so.

    Args:
        path: The checkpoint, for the lines.
        checkpoint: What it holds. The config that it was saved with is compared as a text, and not executed.
        cfg: The config of the run that goes on.
    """
    before, now = (_settings(text) for text in (meta_of(checkpoint).get('cfg'), cfg.pretty_text))
    if before is None or now is None:
        return
    for key, (state, what) in _STATES.items():
        if state not in checkpoint or key.partition('.')[0] not in before:
            continue  # a runner that was built without a config saves an empty one
        old, new = _setting(before, key), _setting(now, key)
        if _types(old) != _types(new):
            yield (
                f'{key} is of another kind than what {path} was trained with, and takes over what it can of '
                'the state that was saved: the run follows neither config. To change it start a new run: '
                f'--cfg-options load_from={path}'
            )
        elif old != new:
            yield (
                f'{key} is not what {path} was trained with, and does not count: the {what} that it was '
                f'saved with go on. To change them start a new run: --cfg-options load_from={path}'
            )


def begun_again(path: str, checkpoint: dict, cfg: Any) -> Iterator[str]:
    """A line where a run that counts epochs goes on from the middle of one.

    Args:
        path: The checkpoint, for the line.
        checkpoint: What it holds.
        cfg: The config of the run that goes on.
    """
    meta, known = meta_of(checkpoint), checkpoint['message_hub'].get('runtime_info')
    running = known.get('epoch') if isinstance(known, dict) else None  # what ran when it was saved
    if (cfg.get('train_cfg') or {}).get('max_epochs') and running == meta['epoch']:
        yield (
            f'{path} is from iteration {meta["iter"]} and not from the end of an epoch: epoch {running + 1} '
            'begins again, so that images of it are trained twice. An epoch_N.pth is from the end of one'
        )


def _settings(text: Any) -> dict[str, Any] | None:
    """The settings in the text of a config; None where there is no such text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, TypeError, ValueError):
        return None
    return {
        node.targets[0].id: _value(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _value(node: ast.expr) -> Any:
    """What an expression stands for, however it is written: older versions of mmengine sort no keys."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):  # overrides of the command line may be either
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            str(_value(key)) if key else '**': _value(value)
            for key, value in zip(node.keys, node.values, strict=True)
        }
    if isinstance(node, ast.Call) and not node.args:  # of dict
        return {item.arg: _value(item.value) for item in node.keywords}
    return ast.unparse(node)


def _setting(settings: dict[str, Any], key: str) -> Any:
    found: Any = settings
    for part in key.split('.'):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _types(setting: Any) -> list[Any]:
    """The type of an optimizer, or those of the schedules."""
    parts = setting if isinstance(setting, list) else [setting]
    return [part.get('type') if isinstance(part, dict) else None for part in parts]
