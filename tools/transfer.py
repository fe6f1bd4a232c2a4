"""Carries every pretraining method into detectors: pretrain, publish, train and test, for all seeds.

Takes an experiment file such as configs/transfer/digits.py. Says first what it will do, and checks all data.
Finished cells are kept, an interrupted one goes on at its last checkpoint. As cells get done it writes
results.json, table.md and a plot for each detector.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.estimate import describe, why
from experiments.experiment_file import work_root
from experiments.front_end import add_arguments, drive, engine_of, parse, refuse
from experiments.transfer import load_experiment, problems_of
from experiments.transfer_report import write_report
from mmdet_multimix.utils.one_line import one_line


@one_line()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('experiment', help='a file such as configs/transfer/digits.py')
    parser.add_argument('--work-dir', default='work_dirs/transfer', help='where everything is kept')
    parser.add_argument('--dry-run', action='store_true', help='only say what there is to do, and check data')
    add_arguments(parser)
    args = parse(parser)
    try:
        root = work_root(args.work_dir)
        engine = engine_of(args)
        experiment = load_experiment(args.experiment)
        plan = None if experiment.missing_configs() else experiment.plan(root)
    except ValueError as error:
        parser.error(str(error))

    if plan:
        print(describe(plan, experiment.about(), experiment.counts), flush=True)
    refuse(args.experiment, problems_of(experiment, engine.processes))
    if args.dry_run:
        print(why(plan))
        return
    experiment.prepare(root)
    drive(
        plan,
        engine,
        partial(write_report, root, experiment),
        f'Table, figures and plots: {root / experiment.name}',
    )


if __name__ == '__main__':
    main()
