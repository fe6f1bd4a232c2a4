"""Reads checkpoint files safely and finds a module's parameters in them, whatever wrote them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..compat import allow_checkpoint_globals

# Step counters of batch norm: old torchvision files lack them, and no output depends on them.
_NOT_NEEDED = 'num_batches_tracked'
_CONTAINERS = ('state_dict', 'model')


def read_checkpoint(path: str | Path) -> dict:
    """Loads a checkpoint file onto the CPU, weights only.

    Args:
        path: A local file: a training checkpoint of mmengine, an exported backbone, or a state dict.

    Returns:
        What the file holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is an address, no checkpoint, or holds objects that only an unsafe load would
            read.
    """
    if '://' in str(path):
        raise ValueError(f'checkpoint {path!r} is an address; download it and give the local file')
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint {str(path)!r} does not exist')
    # Not only once at import: mmengine's fork takes classes off torch's list again after each load.
    allow_checkpoint_globals()
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'checkpoint {str(path)!r} is damaged or holds more than weights, and is not loaded unsafely. '
            f'Save its state_dict alone with torch.save. ({str(error).splitlines()[0]})'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'checkpoint {str(path)!r} cannot be read as a torch file: {error}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'checkpoint {str(path)!r} holds a {type(checkpoint).__name__}, not a state dict')
    return checkpoint


def load_whole(model: nn.Module, path: str | Path) -> None:
    """Loads a checkpoint into the model that it is of, where mmengine would only warn about another's.

    Args:
        model: The model, without a wrapper.
        path: As for :func:`read_checkpoint`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no checkpoint, or lacks parameters of the model; with their names.
    """
    checkpoint = read_checkpoint(path)
    state = next((checkpoint[name] for name in _CONTAINERS if name in checkpoint), checkpoint)
    try:
        lacking = set(model.load_state_dict(state, strict=False).missing_keys)
    except RuntimeError as error:
        raise ValueError(f'checkpoint {str(path)!r} is of another model: {error}') from error
    missing = [name for name, _ in model.named_parameters() if name in lacking]
    if missing:
        shown = ', '.join(missing[:5]) + (f' and {len(missing) - 5} more' if len(missing) > 5 else '')
        raise ValueError(f'checkpoint {str(path)!r} is of another model: it lacks {shown}')


def state_dict_of(checkpoint: dict) -> dict[str, Tensor]:
    """The flat parameters in a checkpoint.

    The weights that the run evaluated stand in `state_dict`, under mmengine's EMA hook the averaged ones, so
    these are taken.
    """
    for name in _CONTAINERS:
        if isinstance(checkpoint.get(name), dict):
            checkpoint = checkpoint[name]
            break
    return {key: value for key, value in checkpoint.items() if isinstance(value, Tensor)}


@dataclass
class MatchedState:
    """Which entries of a checkpoint belong to a module.

    Attributes:
        prefix: What stood before the module's own names in the checkpoint.
        state: Entries whose name and shape match, under the module's names.
        missing: The module's names that the checkpoint lacks.
        misshapen: `name: checkpoint shape, wanted shape` where they differ.
        unexpected: Checkpoint names under the prefix that the module lacks.
        foreign: The part of `unexpected` inside blocks that the module does have: more layers than the
            module has, which only another architecture explains (a ResNet-101 file matches every name of
            a ResNet-50). A classifier is unexpected, but not foreign.
        wanted: How many entries the module needs.
    """

    prefix: str
    state: dict[str, Tensor] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    wanted: int = 0

    @property
    def coverage(self) -> float:
        """The share of the module's entries that the checkpoint fills, step counters not counted."""
        found = sum(not key.endswith(_NOT_NEEDED) for key in self.state)
        return found / self.wanted if self.wanted else 1.0


def find_prefixes(keys: list[str], wanted: list[str]) -> list[str]:
    """The prefixes under which most of the wanted names stand, best first, ties kept."""
    names = set(keys)
    candidates = {key[: -len(want)] for want in wanted for key in keys if ('.' + key).endswith('.' + want)}
    hits = {prefix: sum(prefix + want in names for want in wanted) for prefix in candidates}
    best = max(hits.values(), default=0)
    return sorted(prefix for prefix, count in hits.items() if count == best)


def match_state_dict(
    source: dict[str, Tensor], target: dict[str, Tensor], prefix: str | None = None
) -> MatchedState:
    """Finds the entries of `target` in `source`.

    Args:
        source: Parameters of a checkpoint, with any prefix (`backbone.`, `module.backbone.`, none).
        target: The module's own state dict.
        prefix: The prefix to use. Defaults to the one under which most names match, as does one that no
            entry has: a config's `'backbone.'` does not fit a file that holds nothing but the backbone.

    Raises:
        ValueError: Two prefixes match equally well (a teacher beside a student), so one must be named.
    """
    wanted = [key for key in target if not key.endswith(_NOT_NEEDED)]
    if prefix is None:
        found = find_prefixes(list(source), wanted)
        if len(found) > 1:
            raise ValueError(f'the checkpoint holds several such modules, name one with prefix=: {found}')
        prefix = found[0] if found else ''
    else:
        prefix += '.' if prefix and not prefix.endswith('.') else ''
        if not any(key.startswith(prefix) for key in source):
            return match_state_dict(source, target)

    result = MatchedState(prefix, wanted=len(wanted))
    for key, value in target.items():
        stored = source.get(prefix + key)
        if stored is None:
            if not key.endswith(_NOT_NEEDED):
                result.missing.append(key)
        elif stored.shape != value.shape:
            result.misshapen.append(f'{key}: {tuple(stored.shape)}, wanted {tuple(value.shape)}')
        else:
            result.state[key] = stored
    blocks = {key.split('.')[0] for key in target}
    for key in source:
        name = key[len(prefix) :]
        if key.startswith(prefix) and name not in target:
            result.unexpected.append(name)
            if name.split('.')[0] in blocks and not name.endswith(_NOT_NEEDED):
                result.foreign.append(name)
    return result
