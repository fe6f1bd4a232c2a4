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

    Args:
        path: The checkpoint, for the lines.
        checkpoint: What it holds. The config that it was saved with is compared as a text, and not executed.
        cfg: The config of the run that goes on.
    """
    before, now = (_settings(text) for text in (meta_of(checkpoint).get('cfg'), cfg.pretty_text))
    if before is None or now is None:
        return
    for key, (state, what) in _STATES.items():
        if state in checkpoint and before.get(key) != now.get(key):
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


def _settings(text: Any) -> dict[str, str] | None:
    """The settings of the table above in the text of a config; None where there is no such text."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, TypeError, ValueError):
        return None
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            inner = value.keywords if isinstance(value, ast.Call) else []
            parts = {name: value} | {f'{name}.{part.arg}': part.value for part in inner}
            found |= {key: _dumped(part) for key, part in parts.items() if key in _STATES}
    return found


def _dumped(node: ast.expr) -> str:
    return ast.dump(node).replace('Tuple(', 'List(')  # overrides of the command line may be either
