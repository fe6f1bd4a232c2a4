"""What all front ends share: the flags that say where cells run, and the way from a plan to its report."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from mmdet_multimix.utils.arguments import at_least

from .engine import SLURM, Engine, EngineError, Report, run
from .gpus import VARIABLE, visible_gpus
from .plan import Plan

_AGAIN = ('--force', '-f', '--forceall', '-F', '--forcerun', '-R', '--touch', '-t')  # do nothing here


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags by which a front end is told where and how cells are run."""
    group = parser.add_argument_group('where cells run')
    group.add_argument(
        '--jobs',
        '-j',
        type=at_least(1),
        metavar='N',
        help='cells at once (default: as many as the GPUs allow, or 1)',
    )
    group.add_argument(
        '--gpus-per-cell',
        type=at_least(0),
        metavar='K',
        help='which share its batch (default: 1, without GPUs 0)',
    )
    group.add_argument('--slurm', action='store_true', help='every cell is a job of Slurm')
    group.add_argument(
        '--profile',
        metavar='DIR',
        help='of Snakemake, for a cluster; --slurm has one in experiments/workflow',
    )
    parser.epilog = 'What follows -- is passed to Snakemake as it stands.'


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, with what follows `--` as `snakemake`."""
    arguments = sys.argv[1:]
    split = arguments.index('--') if '--' in arguments else len(arguments)
    args = parser.parse_args(arguments[:split])
    args.snakemake = arguments[split + 1 :]
    return args


def engine_of(args: argparse.Namespace) -> Engine:
    """The engine that the flags ask for.

    Raises:
        ValueError: They do not fit one another or this machine.
    """
    profile = Path(args.profile).resolve() if args.profile else SLURM if args.slurm else None
    options = tuple(args.snakemake)
    if again := [option for option in options if option.partition('=')[0] in _AGAIN]:
        raise ValueError(
            f'{again[0]}: results are kept apart from the files of Snakemake; delete the result-*.json of '
            'the cells that are to be done again'
        )
    if profile is not None:
        if not profile.is_dir():
            raise ValueError(f'the profile {profile} does not exist')
        if args.slurm and not shutil.which('sbatch'):
            raise ValueError('--slurm needs sbatch, which is not on the PATH')
        gpus = 1 if args.gpus_per_cell is None else args.gpus_per_cell
        return Engine(args.jobs, gpus, (), profile, options)
    named = visible_gpus()
    gpus = min(len(named), 1) if args.gpus_per_cell is None else args.gpus_per_cell
    if gpus > len(named):
        raise ValueError(
            f'--gpus-per-cell is {gpus}, but there are {len(named)} GPUs; {VARIABLE}=0,1 names those to use'
        )
    jobs = args.jobs or (len(named) // gpus if gpus else 1)
    return Engine(jobs, gpus, tuple(named), None, options)


def refuse(experiment: str, problems: list[str]) -> None:
    """Ends the front end where anything keeps the experiment from starting."""
    if problems:
        sys.exit('\n'.join(['', f'{experiment} cannot start:', *(f'  - {line}' for line in problems)]))


def drive(plan: Plan, engine: Engine, report: Report, about: str) -> None:
    """All of a front end that comes after the checks: runs the cells, reports, and says what failed.

    Args:
        plan: The cells.
        engine: Where and how they are run.
        report: Writes table and plots, which take longer, and returns the table.
        about: What is said under the table: where everything is.

    Raises:
        SystemExit: A cell failed, or the run was interrupted.
    """
    try:
        failures = run(plan, engine, report)
    except EngineError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')
    print(report(plan.results(), failures))
    print(about)
    if failures:
        _say_what_failed(plan, failures)


def _say_what_failed(plan: Plan, failures: dict[str, str]) -> NoReturn:
    lines = [f'{len(failures)} of {len(plan.cells)} cells failed; the same command retries them:']
    for name, message in failures.items():
        log = '' if message.startswith('needs ') else f'\n    log: {plan.log_file(name)}'
        lines.append(f'{name}: {message}{log}')
    sys.exit('\n'.join(lines))
