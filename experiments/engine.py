"""Runs a plan on Snakemake, and shows and ends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmdet_multimix.utils.files import check_folder
from mmdet_multimix.utils.one_line import InputError

from .display import Display
from .gpus import VARIABLE
from .launch import wanted_threads
from .locks import locked
from .plan import Plan

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = Path(__file__).resolve().parent / 'workflow'
SLURM = WORKFLOW / 'slurm'
_POLL = 0.5  # seconds between two looks at the cells
_PATIENCE = 60  # seconds that Snakemake has to cancel its jobs
_TAIL = 25  # lines of a log that are shown
_DRAWING_SHARE = 0.1  # of the time may go into plots while cells run

Report = Callable[..., str]  # of results and failures by names of cells, and whether to `draw`


class EngineError(RuntimeError):
    """Nothing can be run; the message says what to do."""


@dataclass(frozen=True)
class Engine:
    """Where and how cells are run.

    Attributes:
        jobs: Cells at once; None leaves it to the profile.
        gpus: GPUs of a cell.
        named: The GPUs of this machine that cells share, where there is no scheduler.
        profile: Folder of a Snakemake profile, such as that for Slurm; None for this machine.
        options: What else Snakemake is told.
    """

    jobs: int | None = 1
    gpus: int = 0
    named: tuple[str, ...] = ()
    profile: Path | None = None
    options: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """Of a training."""
        return max(self.gpus, 1)


def run(plan: Plan, engine: Engine, report: Report) -> dict[str, str]:
    """Runs all cells that are not done; returns the messages of those that failed.

    The table is written after every cell, plots now and then; the last report is left to the caller.

    Raises:
        EngineError: Snakemake is not there, or cannot run the plan.
        KeyboardInterrupt: On Ctrl-C, and SIGTERM or, without `nohup`, SIGHUP, when all cells have been ended.
    """
    snakemake = find_snakemake()
    plan.folder.mkdir(parents=True, exist_ok=True)
    log_file = plan.folder / 'snakemake.log'
    in_use = f'waiting: another command works in {plan.folder}'
    with locked(plan.folder / 'driver.lock', lambda: print(in_use, flush=True)) as lock, _ended_by_signals():
        plan = replace(plan, gpus=engine.gpus)
        threads = _threads(engine)
        cpus = {name: threads or cell.cpus * engine.processes for name, cell in plan.cells.items()}
        plan = replace(plan, cells={n: replace(c, cpus=cpus[n]) for n, c in plan.cells.items()})
        plan.write(python=sys.executable, code=str(ROOT))
        plan.remember_data()
        plan.note_results()
        waiting = set(plan.cells) - set(plan.results())
        for name in waiting:
            plan.failure_file(name).unlink(missing_ok=True)
        started = time.time()
        with log_file.open('w') as log:
            process = subprocess.Popen(
                _command(snakemake, plan, engine, threads),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=_environment(plan, engine),
                start_new_session=True,  # Ctrl-C comes to the front end, which ends the rest in good order
                pass_fds=(lock,),  # so that nobody else starts while it lives
            )
        try:
            with Display(plan, len(plan.cells) - len(waiting)) as display:
                _watch(process, plan, waiting, display, report)
        finally:
            _end(process)
    logs = {name: plan.log_file(name) for name in waiting}
    begun = {name: log for name, log in logs.items() if log.exists() and log.stat().st_mtime >= started}
    failures = plan.failures({name: f'ended without a result:\n{tail(log)}' for name, log in begun.items()})
    if process.returncode and not failures:
        raise EngineError(f'Snakemake could not run the plan; {log_file} ends with:\n{tail(log_file)}')
    return failures


def find_snakemake() -> str:
    """The command that runs plans.

    Raises:
        EngineError: There is none; says how to get it.
    """
    if named := os.environ.get('MULTIMIX_SNAKEMAKE'):
        if found := shutil.which(named):
            return found
        raise EngineError(f'MULTIMIX_SNAKEMAKE is {named}, which cannot be run')
    for folder in (Path(sys.executable).parent, ROOT / '.venv-experiments/bin'):
        if found := shutil.which('snakemake', path=str(folder)):
            return found
    if found := shutil.which('snakemake'):
        return found
    raise EngineError(
        'Snakemake runs the experiments and was not found: `make env` in a checkout, or pip install '
        '"snakemake>=9,<10" in any environment with Python >= 3.11, and MULTIMIX_SNAKEMAKE=ITS_PATH'
    )


def tail(path: Path) -> str:
    """The end of a log."""
    return '\n'.join(path.read_text(errors='replace').splitlines()[-_TAIL:])


def _threads(engine: Engine) -> int | None:
    """CPU threads of a cell on this machine; a scheduler is asked for what the config needs."""
    if engine.profile is not None:
        return None
    return wanted_threads() or max((os.cpu_count() or 1) // engine.jobs, 1)


def _command(snakemake: str, plan: Plan, engine: Engine, threads: int | None) -> list[str]:
    command = [
        *(snakemake, '--snakefile', str(WORKFLOW / 'Snakefile'), '--directory', str(plan.folder)),
        *('--config', f'plan={plan.file}'),
        '--keep-going',
        # The front end's own lock guards the folder, and a kill leaves none behind.
        '--nolock',
        # Results are written whole, so that whatever is there is complete.
        '--ignore-incomplete',
        *('--rerun-triggers', 'mtime'),
        *('--scheduler', 'greedy'),
        '--nocolor',
    ]
    if engine.profile is not None:
        command += ['--profile', str(engine.profile)]
        command += ['--jobs', str(engine.jobs)] if engine.jobs else []
    else:
        command += ['--cores', str(threads * engine.jobs), '--resources', f'gpu={len(engine.named)}']
    return [*command, *engine.options]


def _environment(plan: Plan, engine: Engine) -> dict[str, str]:
    found = {key: value for key, value in os.environ.items() if key != VARIABLE}
    try:
        check_folder('the cache', found.get('XDG_CACHE_HOME') or Path('~/.cache').expanduser())
    except (InputError, RuntimeError):  # Snakemake would fail: users without a home are usual in containers
        found['XDG_CACHE_HOME'] = str(plan.folder / '.snakemake/cache')
    if engine.profile is not None:  # where Snakemake finds the executor that our profile names
        found['PYTHONPATH'] = os.pathsep.join([str(SLURM), *filter(None, [found.get('PYTHONPATH')])])
    return {**found, VARIABLE: ','.join(engine.named)} if engine.named else found


def _watch(
    process: subprocess.Popen, plan: Plan, waiting: set[str], display: Display, report: Report
) -> None:
    """Shows what happens until Snakemake has ended; takes the cells that get done out of `waiting`."""
    next_drawing = 0.0
    news = running = True
    failed: set[str] = set()
    while running:
        running = process.poll() is None  # first: what ends now is looked at once more
        for name in [name for name in plan.cells if name in waiting]:
            cell = plan.cells[name]
            if plan.result_file(name).exists():
                waiting.remove(name)
                key, text = cell.shown or ('candidate', '{}')
                note = text.format(plan.result(name)[key])
                display.finish(cell, note, len(plan.cells) - len(waiting - failed))
                news = True
            elif name not in failed and plan.failure_file(name).exists():
                failed.add(name)
                note = f'FAILED; see {plan.log_file(name)}'
                display.finish(cell, note, len(plan.cells) - len(waiting - failed))
                news = True
        display.update(waiting - failed)
        if news:
            before = time.monotonic()
            draw = before > next_drawing
            report(plan.results(), plan.failures(), draw=draw)
            if draw:
                next_drawing = time.monotonic() + (time.monotonic() - before) / _DRAWING_SHARE
            news = False
        time.sleep(_POLL if running else 0)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets SIGTERM and a closed terminal end the cells as Ctrl-C does.

    A script's `command &` starts with Ctrl-C ignored. What is started here would inherit that, and could not
    be ended in good order. Under `nohup` a closed terminal is ignored, as is asked for.
    """
    ending = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ending.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in ending}
    for number in ending:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen) -> None:
    """Ends Snakemake and its cells, where they run on this machine; it cancels those of a cluster itself."""
    if process.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_PATIENCE)
            return
