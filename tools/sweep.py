"""Trains a detector under many settings of MultiMix, numbers of images and seeds, and compares them.

Takes an experiment file such as configs/sweeps/roi_multimix_digits.py. Finished runs are kept, an interrupted
one goes on at its last checkpoint; started several times at once, the same command shares the work.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments import Jobs, Progress, detector_job, pretrain_job
from experiments.digits import digits_options, prepare_digits
from experiments.experiment_file import beside, check_keys, read_experiment, work_root
from experiments.forked import quick_launcher
from experiments.sweep import report
from mmdet_multimix.checks import check_data, check_metrics

REQUIRED = {'detector', 'metric', 'images', 'images_key', 'seeds', 'settings'}
OPTIONAL = {'data', 'options', 'pretraining', 'pretraining_options'}
VAL_IMAGES = 200


def load(path):
    """The experiment, its configs as paths."""
    path = Path(path)
    experiment = read_experiment(path, 'configs/sweeps')
    check_keys(str(path), experiment, REQUIRED, OPTIONAL)
    if not isinstance(experiment.seeds, int) or experiment.seeds < 1:
        raise ValueError(f'{path}: seeds must be a number of at least 1, got {experiment.seeds!r}')
    for key in ('settings', 'images'):
        if not isinstance(experiment[key], dict) or not experiment[key]:
            raise ValueError(f'{path}: {key} must be a dict, and not empty, got {experiment[key]!r}')
    for count, chosen in experiment.images.items():
        unknown = [name for name in chosen or () if name not in experiment.settings]
        if unknown:
            raise ValueError(
                f'{path} wants {unknown[0]!r} for {count} images, which is not among its settings'
            )
    for key in ('detector', 'pretraining'):
        if experiment.get(key):
            config = beside(path, experiment[key])
            if not config.is_file():
                raise ValueError(f'{key} of {path} is {config}, which does not exist')
            experiment[key] = str(config)
    return experiment


def problems_of(experiment):
    """All that keeps it from starting, one line each."""
    found, configs = [], []
    for setting, options in experiment.settings.items():
        cfg = Config.fromfile(experiment.detector)
        cfg.merge_from_dict({**experiment.get('options', {}), **options})
        found += [f'settings[{setting!r}]: {line}' for line in check_metrics(cfg, {'': experiment.metric})]
        configs.append(cfg)
    if experiment.get('data') == 'digits':  # which is written when it starts
        configs = []
    if experiment.get('pretraining'):
        cfg = Config.fromfile(experiment.pretraining)
        cfg.merge_from_dict(experiment.get('pretraining_options', {}))
        configs.append(cfg)
    return found + check_data(configs, {})


def jobs_of(experiment, root, launcher):
    """All pretrainings and detectors, and for each detector (setting, images, seed)."""
    common, inputs = dict(experiment.get('options', {})), ()
    if experiment.get('data') == 'digits':
        options, inputs = digits_options(root / 'data')
        common |= options
    jobs, detectors = [], {}
    for seed in range(experiment.seeds):
        if experiment.get('pretraining'):
            name, title = f'seed{seed}/pretrain', f'seed {seed}: classifier'
            seeded = {**experiment.get('pretraining_options', {}), 'randomness.seed': seed}
            jobs.append(pretrain_job(root, name, title, Path(experiment.pretraining), seeded, launcher))
    for images, chosen in experiment.images.items():
        for seed in range(experiment.seeds):
            for number, (setting, options) in enumerate(experiment.settings.items()):
                if chosen is not None and setting not in chosen:
                    continue
                name = (
                    f'seed{seed}/{images}_images/{number:02d}_{setting.replace(", ", "_").replace(" ", "-")}'
                )
                job = detector_job(
                    root,
                    name,
                    f'{images} images, seed {seed}: {setting}',
                    Path(experiment.detector),
                    {**common, 'randomness.seed': seed, experiment.images_key: images, **options},
                    metric=experiment.metric,
                    pretraining=f'seed{seed}/pretrain' if experiment.get('pretraining') else None,
                    inputs=inputs,
                    launcher=launcher,
                    validated=True,
                )
                jobs.append(job)
                detectors[name] = (setting, images, seed)
    return jobs, detectors


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('experiment', help='a file such as configs/sweeps/roi_multimix_digits.py')
    parser.add_argument('--work-dir', help='where everything is kept (default: work_dirs/NAME)')
    args = parser.parse_args()
    try:
        experiment = load(args.experiment)
        root = work_root(args.work_dir or Path('work_dirs') / Path(args.experiment).stem)
    except ValueError as error:
        parser.error(str(error))
    problems = problems_of(experiment)
    if problems:
        sys.exit('\n'.join([f'{args.experiment} cannot start:', *(f'  - {line}' for line in problems)]))
    if experiment.get('data') == 'digits':
        prepare_digits(root / 'data', max(experiment.images), VAL_IMAGES)
    listed, detectors = jobs_of(experiment, root, quick_launcher())
    jobs = Jobs(listed, root)
    settings = list(experiment.settings)

    def write():
        results = jobs.results()
        values = {key: results[name][experiment.metric] for name, key in detectors.items() if name in results}
        return report(root, experiment.metric, settings, list(experiment.images), values)

    try:
        with Progress(len(jobs)) as progress:
            outcome = jobs.run(progress, write)
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')
    print(write())
    print(f'Table, figures and plot: {root}')
    if outcome.failures:
        sys.exit('\n'.join(f'{name}: {message}' for name, message in outcome.failures.items()))


if __name__ == '__main__':
    main()
