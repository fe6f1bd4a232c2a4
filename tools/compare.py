"""Compares pretraining methods: tunes each on a validation split, trains it over seeds, measures it.

Takes an experiment file such as configs/compare/digits.py. Says first what it will do, and checks configs
and data. Finished runs are kept, an interrupted one goes on at its last checkpoint; started several times at
once, on machines that share the work dir, the same command shares the work. Writes results.json, table.md
and plots as runs get done.

With --cost it measures time and memory of a training step instead, for which the machine should be idle; the
table then has them too.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments import Jobs, Launcher, Progress, RunFailedError
from experiments.comparison import load_comparison
from experiments.comparison_cost import measure_cost
from experiments.comparison_jobs import choice, comparison_jobs
from experiments.comparison_plan import describe_comparison, plan_comparison, problems_of
from experiments.comparison_report import COST_FILE, write_report
from experiments.forked import quick_launcher
from experiments.results import replace_text

DRAW_EVERY = 120  # seconds: drawing takes longer than the shortest runs


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
        '--repetitions', type=int, default=21, help='of --cost, for each method (default: 21)'
    )
    args = parser.parse_args()
    if args.repetitions < 1:
        parser.error(f'--repetitions must be at least 1, got {args.repetitions}')
    if args.cost and args.methods:
        parser.error('--cost compares all methods in one process: leave --methods out')
    return parser, args


def run(comparison, selected, root, launcher):
    """All jobs of the selected methods; the report is one of all."""
    everything = Jobs(comparison_jobs(comparison, root, launcher), root)
    jobs = Jobs(comparison_jobs(selected, root, launcher), root)
    drawn = time.monotonic()

    def write():
        nonlocal drawn
        draw = time.monotonic() - drawn > DRAW_EVERY
        write_report(comparison, everything, root, everything.failures(), draw=draw)
        drawn = time.monotonic() if draw else drawn

    with Progress(len(jobs)) as progress:
        outcome = jobs.run(progress, write)
    print(write_report(comparison, everything, root, outcome.failures))
    print(f'Table, figures and plots: {root}')
    if outcome.failures:
        failed = '\n'.join(f'{name}: {message}' for name, message in outcome.failures.items())
        sys.exit(
            f'{len(outcome.failures)} of {len(jobs)} runs failed; the same command retries them:\n{failed}'
        )


def measure(comparison, root, launcher, repetitions):
    """Cost of the chosen candidates, of the first one where none is chosen yet."""
    jobs = Jobs(comparison_jobs(comparison, root, launcher), root)
    results = jobs.results()
    chosen = {
        name: choice(comparison, method, results) or next(iter(method.candidates))
        for name, method in comparison.methods.items()
    }
    with Progress(len(chosen) + 1) as progress:
        cost = measure_cost(comparison, chosen, progress, repetitions)
    replace_text(root / COST_FILE, json.dumps(cost, indent=1) + '\n')
    for name, entry in cost['methods'].items():
        seconds = entry['seconds']['median']
        print(f'{name} ({entry["candidate"]}): {seconds:.4f} s, {entry["time"]:.2f}x; {entry["memory"]:.2f}x')
    write_report(comparison, jobs, root)
    print(f'wrote {root / COST_FILE}')


def main():
    parser, args = parse_args()
    try:
        comparison = load_comparison(args.experiment)
        selected = comparison.select(args.methods)
    except ValueError as error:
        parser.error(str(error))
    root = Path(args.work_dir or Path('work_dirs/compare') / comparison.name)
    launcher = Launcher() if args.cost else quick_launcher()
    # The report is one of all methods, also where only some are run.
    missing = comparison.missing_configs()
    problems = list(dict.fromkeys([*missing, *problems_of(selected)]))
    if not missing:
        done = Jobs(comparison_jobs(selected, root, launcher), root).results()
        print(describe_comparison(selected, plan_comparison(selected, done), root), flush=True)
    if problems:
        sys.exit('\n'.join(['', f'{args.experiment} cannot start:', *(f'  - {line}' for line in problems)]))
    if args.dry_run:
        return
    try:
        if args.cost:
            measure(comparison, root, launcher, args.repetitions)
        else:
            run(comparison, selected, root, launcher)
    except RunFailedError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')


if __name__ == '__main__':
    main()
