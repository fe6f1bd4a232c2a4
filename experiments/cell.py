"""One cell of a plan, as a process of its own: `python -m experiments.cell PLAN NAME`.

A finished cell is left as it is; an interrupted one goes on at its last checkpoint; one whose config, options
or inputs have changed starts anew, and its old folder is kept beside it.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from .choice import choose
from .gpus import own_gpus
from .locks import locked
from .plan import Cell, Plan, digest, read_json, write_json


def main() -> None:
    """Does the work of a cell and writes its result, or why there is none."""
    plan = Plan.read(sys.argv[1])
    cell = plan.cells[sys.argv[2]]
    os.chdir(plan.cwd)
    end_in_order()
    waiting = f'another process works in {plan.root / cell.name}: waiting until it has ended'
    with locked(plan.lock_file(cell.name), lambda: print(waiting, flush=True)) as lock:
        if _is_current(plan, cell):
            return  # made by the process that was waited for, or by another experiment that shares it
        plan.result_file(cell.name).unlink(missing_ok=True)
        try:
            result = _work(plan, cell, lock)
        except (Exception, SystemExit) as error:
            write_json(plan.failure_file(cell.name), {'message': message_of(error)})
            raise
        for old in plan.result_file(cell.name).parent.glob('result-*.json'):
            old.unlink()
        plan.failure_file(cell.name).unlink(missing_ok=True)
        write_json(plan.result_file(cell.name), result)


def _is_current(plan: Plan, cell: Cell) -> bool:
    """Whether the result is there, and no older than those that it needs."""
    if not plan.result_file(cell.name).exists():
        return False
    made = plan.result_file(cell.name).stat().st_mtime
    return all(plan.result_file(name).stat().st_mtime <= made for name in cell.needs)


def end_in_order() -> None:
    """Has SIGTERM raise in this process, so that what it has started is ended with it.

    Not in processes that are forked from it, such as those of mmdet's pool for Pascal VOC. A pool is ended by
    SIGTERM, and a handler written in Python does not run in one that has just begun to wait for a lock.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hold = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGTERM})
    release = functools.partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, {signal.SIGTERM})

    def in_child() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        release()

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=in_child)


def message_of(error: BaseException) -> str:
    """What the report says of a failure."""
    if isinstance(error, SystemExit):
        return str(error)
    return f'{type(error).__name__}: {error}'


def _work(plan: Plan, cell: Cell, lock: int) -> dict[str, Any]:
    needed = [plan.result(name) for name in cell.needs]
    folder = plan.root / cell.name
    if cell.kind == 'choose':
        folder.mkdir(parents=True, exist_ok=True)
        return {'candidate': choose(cell.settings['trials'], needed)}
    options, settings = dict(cell.options), dict(cell.settings)
    if 'candidates' in settings:
        settings['candidate'] = needed[0]['candidate']
        options = settings.pop('candidates')[settings['candidate']]
    prepare_folder(folder, fingerprint(cell, options))
    with own_gpus(plan.gpus) as slots:
        from .work import Training, work  # seconds of imports, which a finished cell is spared

        training = Training(cell, folder, options, max(plan.gpus, 1), (lock, *slots))
        return work(training, settings)


def fingerprint(cell: Cell, options: dict[str, str]) -> str:
    """A hash of all that a training depends on, the content of its input files included."""
    edited = [cell.edited[part] for part in ('learnt', 'loaded') if part in cell.edited]
    found = hashlib.sha256(digest(cell.config_hash, options, *edited).encode())
    for path in cell.inputs:
        found.update(Path(path).read_bytes())
    return found.hexdigest()


def prepare_folder(folder: Path, fingerprint: str) -> None:
    """Makes a cell's folder; that of another training is renamed to the first free `NAME.oldN`."""
    state = folder / 'run.json'
    if state.exists() and read_json(state)['fingerprint'] == fingerprint:
        return
    if any(not path.name.startswith('failure-') for path in folder.glob('*')):
        free = (folder.with_name(f'{folder.name}.old{number}') for number in itertools.count(1))
        aside = folder.rename(next(path for path in free if not path.exists()))
        print(f'the training has changed: what was in {folder} is kept in {aside}', flush=True)
    write_json(state, {'fingerprint': fingerprint})


if __name__ == '__main__':
    main()
