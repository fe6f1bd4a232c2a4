"""Carries every pretraining method into detectors: pretrain, publish, train and test, for all seeds.

Takes an experiment file such as configs/transfer/digits.py. Says first what it will do, and checks all data.
Finished runs are kept, an interrupted one goes on at its last checkpoint; started several times at once, on
machines that share the work dir, the same command shares the work. After every run it writes results.json,
table.md and a plot for each detector.
"""

import argparse
import shutil
import sys
from pathlib import Path

from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments import Jobs, Launcher, Progress
from experiments.experiment_file import work_root
from experiments.forked import quick_launcher
from experiments.launch import LAUNCHERS
from experiments.plan import describe, plan
from experiments.transfer import load_experiment
from experiments.transfer_report import write_report
from mmdet_multimix.checks import check_data, check_metrics


def problems_of(experiment, launcher):
    """All that keeps it from starting, one line each."""
    found = experiment.missing_configs()
    configs = []
    for path in experiment.methods.values():
        if path and path.is_file():
            configs.append(Config.fromfile(path))
    detectors = []
    for detector in experiment.detectors.values():
        if detector.config.is_file():
            cfg = Config.fromfile(detector.config)
            cfg.merge_from_dict(detector.options)
            detectors.append(cfg)
            missing = check_metrics(cfg, detector.metrics)
            found += [f'detectors[{detector.name!r}].{problem}' for problem in missing]
    if not experiment.digits:  # which writes their data
        configs += detectors
    for cfg in configs:
        try:
            launcher.batch_options(cfg)
        except ValueError as error:
            found.append(f'{cfg.filename}: {error}')
    return found + check_data(configs, experiment.counts)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('experiment', help='a file such as configs/transfer/digits.py')
    parser.add_argument('--work-dir', default='work_dirs/transfer', help='where everything is kept')
    parser.add_argument('--dry-run', action='store_true', help='only say what there is to do, and check data')
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='how a training is started')
    parser.add_argument('--gpus', type=int, default=1, help='processes of a training, which share its batch')
    args = parser.parse_args()
    if args.launcher == 'slurm' and not shutil.which('srun'):
        parser.error('--launcher slurm needs srun, which is not on the PATH')
    try:
        root = work_root(args.work_dir)
        launcher = Launcher(args.launcher, args.gpus)
        if args.launcher == 'none':
            launcher = quick_launcher()
        experiment = load_experiment(args.experiment)
    except ValueError as error:
        parser.error(str(error))

    jobs = None if experiment.missing_configs() else Jobs(experiment.jobs(root, launcher), root)
    print(describe(experiment, plan(experiment, jobs.results() if jobs else ()), root), flush=True)
    problems = problems_of(experiment, launcher)
    if problems:
        sys.exit('\n'.join(['', f'{args.experiment} cannot start:', *(f'  - {line}' for line in problems)]))
    if args.dry_run:
        return

    experiment.prepare(root)
    try:
        with Progress(len(jobs)) as progress:
            outcome = jobs.run(progress, lambda: write_report(experiment, jobs, root, jobs.failures()))
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')
    print(write_report(experiment, jobs, root, outcome.failures))
    print(f'Table, figures and plots: {root / experiment.name}')
    if outcome.failures:
        failed = '\n'.join(f'{name}: {message}' for name, message in outcome.failures.items())
        sys.exit(
            f'{len(outcome.failures)} of {len(jobs)} runs failed; the same command retries them:\n{failed}'
        )


if __name__ == '__main__':
    main()
