"""Where a run goes on that was stopped, and whether it can."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from ..utils.one_line import InputError
from .reading import meta_of, read_checkpoint
from .saved_settings import begun_again, unheeded


class NotResumableError(InputError):
    """A checkpoint from which no run can go on as it was, and what to do."""


@dataclass
class Latest:
    """Where the run of a work dir goes on.

    Attributes:
        path: The checkpoint, None if there is none that can be read.
        passed_over: Newer checkpoints by which it cannot, with the reasons.
    """

    path: str | None = None
    passed_over: list[str] = field(default_factory=list)


def find_latest(work_dir: str | Path) -> Latest:
    """Finds the checkpoint at which the run of a work dir goes on.

    It is the one that ``last_checkpoint`` names. In a work dir that was copied or moved this is a place in
    the first one: there it is the file of that name in the work dir itself. Where a kill has left no name,
    one of nothing, of zeros or of half a file, it is the newest training checkpoint that can be read.

    Args:
        work_dir: Work dir of a run of mmengine.
    """
    latest = Latest()
    marker = Path(work_dir, 'last_checkpoint')
    named = marker.read_text(errors='replace').strip('\0').strip() if marker.is_file() else ''
    here = str(Path(work_dir, Path(named).name))
    # What lies in no work dir is where out_dir of mmengine's hook has it, and not in the first one of a copy.
    kept_elsewhere = os.path.isfile(named) and not Path(named).with_name(marker.name).is_file()
    if named and '://' not in named and not kept_elsewhere and os.path.isfile(here):
        named = named if _same(here, named) else here
    if named:
        reason = _unreadable(named)
        if reason is None:
            return Latest(named)
        latest.passed_over.append(reason)
    kept = [path for name in ('epoch', 'iter') for path in Path(work_dir).glob(f'{name}_*.pth')]
    for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True):
        if named and _same(path, named):
            continue
        reason = _unreadable(path, needed=('optimizer',))
        if reason is None:
            latest.path = str(path)
            break
        latest.passed_over.append(reason)
    return latest


def _same(path: str | Path, other: str | Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def _read(path: str) -> dict:
    if '://' not in path:
        return read_checkpoint(path)
    checkpoint = CheckpointLoader.load_checkpoint(path, 'cpu')
    return checkpoint if isinstance(checkpoint, dict) else {}


def _unreadable(path: str | Path, needed: tuple[str, ...] = ()) -> str | None:
    """Why a checkpoint cannot be read, None if it can."""
    if '://' in str(path):
        return None  # of a run that writes elsewhere; whoever resumes reads it
    try:
        checkpoint = read_checkpoint(path)
    except (OSError, ValueError) as error:
        return str(error)
    missing = [name for name in needed if name not in checkpoint]
    return f'checkpoint {str(path)!r} has no {missing[0]}' if missing else None


def check_resumable(path: str, cfg: Any) -> list[str]:
    """Checks that a run can go on from a checkpoint; takes the run's seed from it where the config has none.

    mmengine draws a seed where there is none, and sets the old one when the order of the images is decided.

    Args:
        path: A checkpoint, or an address that mmengine loads from.
        cfg: The config of the run; ``randomness.seed`` may be set.

    Returns:
        What will not be as it was, as the config wants it.

    Raises:
        NotResumableError: The checkpoint cannot be read, or lacks what a run needs to go on.
    """
    if '://' not in path and Path(path).is_dir():
        raise NotResumableError(f'checkpoint {path!r} is a folder; only files can be resumed')
    try:
        checkpoint = _read(path)
    except (OSError, ValueError) as error:
        raise NotResumableError(str(error)) from error
    meta = meta_of(checkpoint)
    missing = [name for name in ('epoch', 'iter') if not isinstance(meta.get(name), int)]
    missing = [f'meta.{name}' for name in missing]
    missing += [name for name in ('state_dict', 'message_hub') if not isinstance(checkpoint.get(name), dict)]
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    notes = []
    for name, wanted, switch in (
        ('optimizer', True, 'save_optimizer'),
        ('param_schedulers', cfg.get('param_scheduler'), 'save_param_scheduler'),
    ):
        if not wanted or name in checkpoint:
            continue
        if hook.get(switch, True):
            missing.append(name)
        else:
            notes.append(f'{path} has no {name} ({switch}=False): they start anew, not as they were')
    if missing:
        raise NotResumableError(
            f'checkpoint {path!r} is not one that a run can go on from: it has no {", ".join(missing)}. Best '
            'and published ones have not. Give --resume an epoch_N.pth or iter_N.pth, or start a new run '
            f'from these weights with --cfg-options load_from={path}'
        )
    randomness = cfg.get('randomness') or {}
    if randomness.get('seed') is None and isinstance(meta.get('seed'), int):
        cfg.randomness = {**randomness, 'seed': meta['seed']}
    return [*notes, *unheeded(path, checkpoint, cfg), *begun_again(path, checkpoint, cfg)]
