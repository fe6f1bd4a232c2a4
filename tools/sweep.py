"""Trains a detector under many settings of MultiMix, numbers of images and seeds, and compares them.

Takes an experiment file such as configs/sweeps/signal_digits.py. Checks first all that it needs.
Finished cells are kept, an interrupted one goes on at its last checkpoint.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.estimate import describe, why
from experiments.experiment_file import work_root
from experiments.front_end import add_arguments, drive, engine_of, parse, refuse
from experiments.sweep import load_sweep
from experiments.sweep_report import write_report
from mmdet_multimix.utils.one_line import one_line


@one_line()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('experiment', help='a file such as configs/sweeps/signal_digits.py')
    parser.add_argument('--work-dir', help='where everything is kept (default: work_dirs/NAME)')
    parser.add_argument('--dry-run', action='store_true', help='only say what would run and why')
    add_arguments(parser)
    args = parse(parser)
    try:
        engine = engine_of(args)
        sweep = load_sweep(args.experiment)
        root = work_root(args.work_dir or Path('work_dirs') / sweep.name)
        plan = sweep.plan(root)
    except ValueError as error:
        parser.error(str(error))
    print(describe(plan, sweep.about()), flush=True)
    refuse(args.experiment, sweep.problems(engine.processes))
    if args.dry_run:
        print(why(plan))
        return
    sweep.prepare(root)
    drive(
        plan,
        engine,
        partial(write_report, root, sweep),
        f'Table, figures and plot: {root}',
    )


if __name__ == '__main__':
    main()
