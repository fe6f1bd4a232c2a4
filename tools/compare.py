"""Compares pretraining methods: tunes each on a validation split, trains it over seeds, measures it.

Takes an experiment file such as configs/compare/digits.py. Says first what it will do, and checks configs
and data. Finished cells are kept, an interrupted one goes on at its last checkpoint. Writes results.json,
table.md and plots as cells get done.

With --cost it measures time and memory of a training step instead, for which the machine should be idle; the
table then has them too.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.comparison import load_comparison
from experiments.comparison_cells import comparison_plan
from experiments.comparison_checks import problems_of
from experiments.comparison_cost import write_cost
from experiments.comparison_report import write_report
from experiments.estimate import describe, why
from experiments.experiment_file import work_root
from experiments.front_end import add_arguments, drive, engine_of, parse, refuse
from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.one_line import one_line


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('experiment', help='a file such as configs/compare/digits.py')
    parser.add_argument('--work-dir', help='where everything is kept (default: work_dirs/compare/NAME)')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='run only these of its methods')
    parser.add_argument('--dry-run', action='store_true', help='only say what there is to do, and check it')
    parser.add_argument('--cost', action='store_true', help='measure the cost of a step, and nothing else')
    parser.add_argument(
        '--repetitions', type=at_least(1), default=21, help='of --cost, for each method (default: 21)'
    )
    add_arguments(parser)
    args = parse(parser)
    if args.cost and args.methods:
        parser.error('--cost compares all methods in one process: leave --methods out')
    return parser, args


@one_line()
def main():
    parser, args = parse_args()
    try:
        engine = engine_of(args)
        comparison = load_comparison(args.experiment)
        selected = comparison.select(args.methods)
        root = work_root(args.work_dir or Path('work_dirs/compare') / comparison.name)
        missing = comparison.missing_configs()
        # The report is one of all methods, also where only some are run.
        everything = None if missing else comparison_plan(comparison, root)
        plan = None if missing else comparison_plan(selected, root)
    except ValueError as error:
        parser.error(str(error))
    if plan:
        print(describe(plan, selected.about()), flush=True)
    refuse(args.experiment, list(dict.fromkeys([*missing, *problems_of(selected, engine.processes)])))

    def report(results, failures, **kwargs):
        results, failures = everything.results() | results, everything.failures() | failures
        return write_report(root, comparison, results, failures, **kwargs)

    if args.dry_run:
        print(why(plan))
    elif args.cost:
        try:
            write_cost(comparison, root, everything.results(), args.repetitions)
        except KeyboardInterrupt:
            sys.exit('interrupted')
        report({}, {})
    else:
        drive(plan, engine, report, f'Table, figures and plots: {root}')


if __name__ == '__main__':
    main()
