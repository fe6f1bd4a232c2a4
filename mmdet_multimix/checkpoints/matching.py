"""Finds a module's parameters in a checkpoint, under whatever prefix."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..utils.names import shorten
from ..utils.one_line import InputError

# Step counters of batch norm: old torchvision files lack them, and no output depends on them.
NOT_NEEDED = 'num_batches_tracked'


@dataclass
class MatchedState:
    """Which entries of a checkpoint belong to a module.

    Attributes:
        prefix: What stood before the module's own names in the checkpoint.
        state: Entries whose name and shape match, under the module's names.
        missing: The module's names that the checkpoint lacks.
        misshapen: ``name: checkpoint shape, wanted shape`` where they differ.
        unusable: ``name: reason`` of entries that no network can compute with.
        unexpected: Checkpoint names under the prefix that the module lacks.
        foreign: The part of ``unexpected`` that are layers inside blocks of the module. Only another
            architecture explains them (a ResNet-101 file matches every name of a ResNet-50). A classifier is
            unexpected, but not foreign, and nor is a bias that a layer of the module does without.
        wanted: Number of entries that the module needs.
    """

    prefix: str
    state: dict[str, Tensor] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    wanted: int = 0

    @property
    def coverage(self) -> float:
        """The share of the module's entries that the checkpoint fills, step counters not counted."""
        found = sum(not key.endswith(NOT_NEEDED) for key in self.state)
        return found / self.wanted if self.wanted else 1.0

    def differences(self) -> str:
        """What does not match, a line for each kind, with the first names."""
        kinds = {
            'missing': self.missing,
            'misshapen': self.misshapen,
            'unusable': self.unusable,
            'unexpected': self.foreign or self.unexpected,
        }
        return '\n'.join(
            f'  {len(names)} {kind}: {shorten(names, separator="; ")}'
            for kind, names in kinds.items()
            if names
        )


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
    """Find the entries of ``target`` in ``source``.

    Args:
        source: Parameters of a checkpoint, with any prefix (``backbone.``, ``module.backbone.``, none).
        target: The module's own state dict.
        prefix: The prefix to use, with or without ``'module.'`` of distributed training before it. None means
            the one under which most names match. So does a config's ``'backbone.'`` where the file holds
            nothing but the backbone.

    Raises:
        ValueError: Two prefixes match equally well (a teacher beside a student), so one must be named; or the
            one that is named is not there.
    """
    wanted = [key for key in target if not key.endswith(NOT_NEEDED)]
    if prefix is None:
        found = find_prefixes(list(source), wanted)
        if len(found) > 1:
            raise InputError(f'the checkpoint holds several such modules, name one with prefix=: {found}')
        prefix = found[0] if found else ''
    else:
        prefix += '.' if prefix and not prefix.endswith('.') else ''
        there = [
            given for given in (prefix, f'module.{prefix}') if any(key.startswith(given) for key in source)
        ]
        prefix = there[0] if there else _alone(source, wanted, prefix)

    result = MatchedState(prefix, wanted=len(wanted))
    for key, value in target.items():
        stored = source.get(prefix + key)
        if stored is None:
            if not key.endswith(NOT_NEEDED):
                result.missing.append(key)
        elif stored.shape != value.shape:
            result.misshapen.append(f'{key}: {tuple(stored.shape)}, wanted {tuple(value.shape)}')
        elif reason := why_unusable(stored, value):
            result.unusable.append(f'{key}: {reason}')
        else:
            result.state[key] = stored
    blocks = {key.split('.')[0] for key in target}
    layers = {key.rpartition('.')[0] for key in target}
    for key in source:
        name = key[len(prefix) :]
        if key.startswith(prefix) and name not in target:
            result.unexpected.append(name)
            if name.split('.')[0] in blocks and name.rpartition('.')[0] not in layers:
                result.foreign.append(name)
    return result


def why_unusable(stored: Tensor, wanted: Tensor) -> str | None:
    """Say why a network cannot compute with an entry of a checkpoint.

    Args:
        stored: The entry.
        wanted: That of the network in its place.

    Returns:
        None if it can.
    """
    if not wanted.is_floating_point():
        return None
    if not stored.is_floating_point():
        return f'{stored.dtype}, wanted {wanted.dtype}'
    # A mask may be infinite in the network too.
    strange = ~stored.isfinite() if wanted.is_meta else ~stored.isfinite() & (stored != wanted.to(stored))
    return f'{int(strange.sum())} of {stored.numel()} values are not finite' if bool(strange.any()) else None


def _alone(source: dict[str, Tensor], wanted: list[str], prefix: str) -> str:
    """The prefix of a file without the one that is asked for: none, if it holds a backbone alone."""
    if prefix in ('', 'backbone.') and find_prefixes(list(source), wanted) in ([], ['']):
        return ''
    begin = sorted({key.split('.')[0] for key in source})
    raise InputError(
        f'no name in the checkpoint starts with prefix={prefix!r}; they start with {shorten(begin)}'
    )
