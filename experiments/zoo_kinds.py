"""The configs that mmdet ships, grouped by what there is to mix in them."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mmdet
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmdet_multimix.checks.walk import nodes
from mmdet_multimix.utils.registered import class_name

ROOT = Path(mmdet.__file__).parent / '.mim' / 'configs'
# Of a kind, the config whose name says that it is cheap: a higher number is dearer.
_DEAR = {
    r'r101|s101|x101|effb|regnet|_x_|_l_|-l_|swin|dconv|mdconv|r152|hrnet|vovnet': 2,
    r'_r50|_s_|tiny': -1,
}


def kinds(paths: Iterable[Path], jobs: int = 1, tell: Callable[[int, int], None] | None = None) -> dict:
    """Groups configs by what there is to mix in them.

    Args:
        paths: Config files.
        jobs: Processes.
        tell: Told after each file how many are read, and of how many.

    Returns:
        For each kind, a tuple of its parts, its files, the cheapest first. Files without a model are left
        out; those that cannot be read are under the kind `('unreadable', reason)`.
    """
    paths, found = list(paths), defaultdict(list)
    for done, (path, kind) in enumerate(each(_kind_of, paths, jobs), 1):
        if kind is not None:
            found[kind].append(path)
        if tell:
            tell(done, len(paths))
    return {kind: sorted(found[kind], key=_cost) for kind in sorted(found)}


def shipped() -> list[Path]:
    """All configs of mmdet but the parts they are made of."""
    return sorted(path for path in ROOT.rglob('*.py') if '_base_' not in path.parts)


def _kind_of(path: Path) -> tuple | None:
    try:
        model = Config.fromfile(path).get('model')
    except Exception as error:  # a library or a base that is not there
        return 'unreadable', short(error)
    if not model or 'type' not in model:
        return None
    parts = []
    for key, part in nodes(model, ''):
        name = re.sub(r'^\.|\[\d+\]', '', key)  # the members of a list are of one kind
        kind, loss = class_name(part.get('type', '')), part.get('loss_cls')
        if isinstance(loss, dict):
            flags = [flag for flag in ('use_sigmoid', 'activated', 'class_weight') if loss.get(flag)]
            parts.append(f'{name}: {kind} with {" ".join([class_name(loss.get("type", "")), *flags])}')
        elif name.split('.')[-1] in ('bbox_head', 'roi_head', 'detector') or name.endswith('rcnn.sampler'):
            parts.append(f'{name}: {kind}')
    return class_name(model.type), *sorted(set(parts))


def _cost(path: Path) -> tuple:
    return (
        sum(cost for words, cost in _DEAR.items() if re.search(words, path.name)),
        len(path.name),
        str(path),
    )


def short(error: Exception) -> str:
    """An error in a line."""
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0][:200]}'


def each(function: Callable, tasks: list, jobs: int) -> Iterator[tuple[Any, Any]]:
    """Each task with its result, as they come."""
    if jobs == 1:
        prepare()
        yield from ((task, function(task)) for task in tasks)
        return
    with ProcessPoolExecutor(jobs, get_context('fork'), initializer=prepare) as pool:
        waiting = {pool.submit(function, task): task for task in tasks}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def prepare() -> None:
    """Makes a process quiet, and keeps it from the network."""
    os.environ['HF_HUB_OFFLINE'] = '1'  # nothing is downloaded
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    warnings.filterwarnings('ignore')
    MMLogger.get_current_instance().setLevel('ERROR')
