"""Whether a checkpoint fits a whole model."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ..utils.names import shorten
from ..utils.one_line import InputError
from .matching import NOT_NEEDED, why_unusable
from .reading import meta_of, read_checkpoint, state_dict_of, weights_of

WEIGHTS = ('ema', 'model')
EVALUATED = 'evaluated'  # in a checkpoint's meta, after self-distillation: which model its state_dict is
_OF_WRAPPER = 'module.'  # what distributed training puts before every name


def load_whole(model: nn.Module, path: str | Path, weights: str | None = None) -> dict[str, Any]:
    """Load a checkpoint into its model, and refuse that of another model.

    mmengine would only warn about missing parameters and statistics, and go on with random ones.

    Args:
        model: The model, without a wrapper.
        path: As for :func:`read_checkpoint`.
        weights: As for :func:`choose_weights`.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: As :func:`choose_weights`; the file is no checkpoint, lacks parameters or statistics of
            the model, or has some that are no finite numbers; with their names.
    """
    checkpoint = read_checkpoint(path)
    state, wanted = _names_of(checkpoint), model.state_dict()
    state.update(choose_weights(checkpoint, weights, path)[1])
    unusable = list(_unusable(state, wanted))
    if unusable:
        raise InputError(f'checkpoint {str(path)!r} cannot be used: {shorten(unusable, separator="; ")}')
    try:
        lacking = model.load_state_dict(state, strict=False).missing_keys
    except RuntimeError as error:
        raise InputError(f'checkpoint {str(path)!r} is of another model: {error}') from error
    missing = [name for name in lacking if not name.endswith(NOT_NEEDED)]
    if all(name in lacking or name.endswith(NOT_NEEDED) for name in wanted):
        raise InputError(
            f'checkpoint {str(path)!r} is of another model: no parameter matches, {what_it_holds(checkpoint)}'
        )
    if missing:
        raise InputError(f'checkpoint {str(path)!r} is of another model: it lacks {shorten(missing)}')
    return checkpoint


def choose_weights(
    checkpoint: dict[str, Any], weights: str | None, path: str | Path
) -> tuple[str, dict[str, Tensor]]:
    """The weights of a run with an EMA that are asked for.

    EMAHook swaps them: the trained weights stand under the names of the averaged model, unless
    SelfDistillationHook says otherwise. Buffers that it does not average are the same in both.

    Args:
        checkpoint: What a file holds.
        weights: ``'ema'`` for the averaged ones, ``'model'`` for the trained ones, None for those that the
            run evaluated.
        path: The file, for messages.

    Returns:
        Which they are, and those of them that stand elsewhere than :func:`state_dict_of` looks.

    Raises:
        ValueError: An unknown name; averaged weights, where there are none.
    """
    if weights not in (None, *WEIGHTS):
        raise ValueError(f'weights must be one of {", ".join(WEIGHTS)}, got {weights!r}')
    other = checkpoint.get('ema_state_dict')
    if other is None and weights == 'ema':
        raise ValueError(f'checkpoint {path} holds no averaged weights: its run had no EMAHook')
    evaluated = 'model' if other is None or meta_of(checkpoint).get(EVALUATED) == 'student' else 'ema'
    if weights in (None, evaluated):
        return evaluated, {}
    return weights, {key[7:]: value for key, value in other.items() if key.startswith('module.')}


def check_some_fits(model: nn.Module, path: str | Path) -> None:
    """Refuse a checkpoint from which a model would start to train with random weights alone.

    Args:
        model: The model, of which only names and shapes are looked at. It is not to be used any more, as it
            may have loaded some of the weights.
        path: As for :func:`read_checkpoint`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no checkpoint, none of its names and shapes is the model's, or it has weights
            that are no finite numbers.
    """
    checkpoint = read_checkpoint(path)
    state, wanted = _as_read(model, _names_of(checkpoint)), model.state_dict()
    fitting = {
        name for name, stored in state.items() if name in wanted and wanted[name].shape == stored.shape
    }
    if not fitting:
        raise InputError(
            f'checkpoint {str(path)!r} has nothing of this model: {what_it_holds(checkpoint)}. '
            "A backbone alone is loaded by its init_cfg=dict(type='MultiMixPretrained', checkpoint=...)"
        )
    unusable = list(_unusable({name: state[name] for name in fitting}, wanted))
    if unusable:
        raise InputError(f'checkpoint {str(path)!r} cannot be used: {shorten(unusable, separator="; ")}')


def what_it_holds(checkpoint: dict[str, Any]) -> str:
    """Describe a checkpoint whose names are not those that are looked for."""
    state, keys = state_dict_of(checkpoint), shorten(map(repr, checkpoint), limit=10)
    if state:
        at_top = all(name in checkpoint for name in state)
        return f'it has {len(state)} tensors, {shorten(state)}' + ('' if at_top else f', and the keys {keys}')
    inside = {name: value for name, value in checkpoint.items() if isinstance(value, dict)}
    held = [name for name, value in inside.items() if any(isinstance(x, Tensor) for x in value.values())]
    said = f'it has no tensors, only the keys {keys}' if keys else 'it holds nothing'
    advice = f". Are the weights in {shorten(map(repr, held))}? Save that as 'state_dict'" if held else ''
    return said + advice


def _names_of(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors in a checkpoint, as mmengine names them: without the wrapper of distributed training."""
    state = weights_of(checkpoint)
    named = OrderedDict((name, value) for name, value in state.items() if isinstance(value, Tensor))
    metadata = getattr(state, '_metadata', None)
    if metadata is not None:  # the versions by which modules know old names
        vars(named)['_metadata'] = OrderedDict(metadata)
    consume_prefix_in_state_dict_if_present(named, _OF_WRAPPER)
    return named


def _as_read(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names by which a model reads them.

    mmdet's ``SemiBaseDetector`` gives the weights of a plain detector to its teacher and its student.
    """
    read = state.copy()
    with warnings.catch_warnings():  # of parameters without memory, which take nothing
        warnings.simplefilter('ignore')
        model._load_from_state_dict(read, '', {}, True, [], [], [])
    return read


def _unusable(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[str]:
    for name, stored in state.items():
        if name in wanted and wanted[name].shape == stored.shape:
            reason = why_unusable(stored, wanted[name])
            if reason:
                yield f'{name}: {reason}'
