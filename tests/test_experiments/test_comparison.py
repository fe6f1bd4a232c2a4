"""Experiment files of comparisons, the choice of candidates, who leads, and the table."""

import json
import statistics

import pytest
from cli import ROOT
from matplotlib.image import imread

from experiments import Job, Jobs, Launcher, Progress
from experiments.comparison import load_comparison
from experiments.comparison_jobs import choice, choose, comparison_jobs
from experiments.comparison_plan import describe_comparison, plan_comparison, problems_of
from experiments.comparison_plots import plot_trade
from experiments.comparison_report import leaders, write_report

COMPARE = ROOT / 'configs/compare'
PRETRAIN = ROOT / 'configs/pretrain'


def small(folder, **changes):
    """Two methods with two candidates each, one number of images, two seeds."""
    alphas = {'short': {}, 'long': {'model.head.multimix.alpha': (0.5, 2.0)}}
    rates = {'recipe': {}, 'slow': {'optim_wrapper.optimizer.lr': 0.01}}
    fields = {
        'methods': {
            'cross-entropy': dict(config=str(PRETRAIN / 'resnet_tiny_digits_ce.py'), candidates=rates),
            'MultiMix': dict(config=str(PRETRAIN / 'resnet_tiny_digits_multimix.py'), candidates=alphas),
        },
        'images_per_class': (10,),
        'seeds': 2,
        'tuning': dict(images_per_class=10, validation=(60, 70), seeds=(100, 101)),
        **changes,
    }
    path = folder / 'mine.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in fields.items() if value is not None))
    return path


@pytest.mark.parametrize(
    'trials, best',
    [
        # Mean errors 3 and 2.5: the lower one wins though its NLL is higher.
        ({'a': [(2.0, 0.1), (4.0, 0.1)], 'b': [(3.0, 0.9), (2.0, 0.9)]}, 'b'),
        # Both 2.5: mean NLL 0.30 against 0.25.
        ({'a': [(2.0, 0.2), (3.0, 0.4)], 'b': [(2.5, 0.25), (2.5, 0.25)]}, 'b'),
        # All the same: the first of the list.
        ({'b': [(2.0, 0.2)], 'a': [(2.0, 0.2)]}, 'b'),
        # 0.1 + 0.2 is not 0.3 in floating point, but 10 wrong images are 10 wrong images.
        ({'a': [(0.3, 0.5), (0.0, 0.5)], 'b': [(0.1, 0.4), (0.2, 0.4)]}, 'b'),
    ],
)
def test_the_candidate_of_least_validation_error_is_chosen(trials, best):
    named = {k: [dict(error=error, nll=nll) for error, nll in seeds] for k, seeds in trials.items()}
    assert choose(named) == best


def test_nothing_is_chosen_before_every_trial_is_done(tmp_path):
    comparison = load_comparison(small(tmp_path))
    method = comparison.methods['MultiMix']
    mine = [trial for trial in comparison.trials() if trial.method is method]
    assert [(trial.candidate, trial.seed) for trial in mine] == [
        ('short', 100),
        ('short', 101),
        ('long', 100),
        ('long', 101),
    ]
    results = {trial.name: dict(error=1.0 if trial.candidate == 'long' else 2.0, nll=0.0) for trial in mine}
    assert choice(comparison, method, results) == 'long'
    results.pop(mine[0].name)
    assert choice(comparison, method, results) is None


def rows_of(**values):
    rows = []
    for name, series in values.items():
        std = statistics.stdev(series) if len(series) > 1 else None
        rows.append({'method': name, 'measures': {'x': {'mean': statistics.mean(series), 'std': std}}})
    return rows


@pytest.mark.parametrize(
    'values, more_is_better, expected',
    [
        # The standard deviation of (v - s, v + s) is s times the root of 2. Lead 1, spreads 0.707 and 0.141.
        (dict(a=[1.5, 2.5], b=[2.9, 3.1]), False, {'a'}),
        (dict(a=[1.5, 2.5], b=[2.9, 3.1]), True, {'b'}),
        # Lead 1, spread of the second 1.41: it may be chance.
        (dict(a=[1.9, 2.1], b=[2.0, 4.0]), False, set()),
        # The third does not matter, however far or wide.
        (dict(a=[2.0, 2.2], b=[3.0, 3.2], c=[0.0, 90.0]), False, {'a'}),
        # A single seed has no spread to lead by, a single method nobody to lead.
        (dict(a=[2.0], b=[3.0]), False, set()),
        (dict(a=[2.0, 2.1]), False, set()),
        # A lead as large as the spread is not larger: 2 against 2, in numbers that are exact.
        (dict(a=[0.0, 2.0, 4.0], b=[4.0, 4.0, 4.0]), False, set()),
    ],
)
def test_who_leads_by_more_than_the_spread(values, more_is_better, expected):
    assert leaders(rows_of(**values), 'x', more_is_better) == expected


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'seeds': 0}, 'seeds must be a number of at least 1, got 0'),
        ({'seeds': True}, 'seeds must be a number of at least 1, got True'),
        ({'images_per_class': 4}, 'images_per_class must be a tuple of numbers, and not empty, got 4'),
        ({'images_per_class': ()}, 'images_per_class must be a tuple of numbers, and not empty'),
        ({'images_per_class': (0,)}, 'images_per_class must be a number of at least 1, got 0'),
        ({'methods': None}, 'lacks methods'),
        ({'methods': {}}, 'there must be a method'),
        ({'seed': 1}, 'has unknown seed; known are attack_images, images_per_class, measures, methods'),
        ({'methods': {'a': {'config': 'a.py', 'grid': {}}}}, r"methods\['a'\] lacks candidates"),
        (
            {'methods': {'a': {'config': 'a.py', 'candidates': {}, 'x': 1}}},
            r"methods\['a'\] has unknown x; known are candidates, config",
        ),
        (
            {
                'methods': {
                    'a': {'config': 'a.py', 'candidates': {'x': {}}},
                    'b': {'config': 'b.py', 'candidates': {'x': {}, 'y': {}}},
                }
            },
            'no method may be tuned less than another',
        ),
        (
            {'methods': {'a': {'config': 'a.py', 'candidates': {'x 1': {}, 'x-1': {}}}}},
            "'x 1' and 'x-1' would share the folder x_1",
        ),
        ({'tuning': None}, 'several candidates each, so it needs tuning'),
        ({'tuning': {'images_per_class': 10, 'seeds': (100,)}}, 'tuning lacks validation'),
        (
            {'tuning': dict(images_per_class=20, validation=(60, 70), seeds=(100,))},
            r'tuning.images_per_class is 20, not among \[10\]',
        ),
        (
            {'tuning': dict(images_per_class=10, validation=(9, 70), seeds=(100,))},
            r'validation=\(9, 70\) must be a range of images behind the first 10',
        ),
        (
            {'tuning': dict(images_per_class=10, validation=(60, 70), seeds=(1, 100))},
            'seeds must be others than those of the final runs, 0 to 1',
        ),
        ({'measures': ('calibration',)}, 'measures must have accuracy among them'),
        ({'measures': ('accuracy', 'speed')}, r"unknown measures \['speed'\]"),
        ({'attack_images': '100'}, "attack_images must be a number of at least 1, got '100'"),
        ({'ood': {'uniform': 'x'}}, "the OOD folder 'uniform' needs another name"),
    ],
)
def test_bad_experiments_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_comparison(small(tmp_path, **changes))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'nowhere.py does not exist; there are some in configs/compare'):
        load_comparison('nowhere.py')
    with pytest.raises(ValueError, match="no method 'mixup'; there are 'cross-entropy', 'MultiMix'"):
        load_comparison(small(tmp_path)).select(['mixup'])


def test_candidates_are_validated_on_other_images_of_the_training_set(tmp_path):
    comparison = load_comparison(small(tmp_path, options={'train_dataloader.batch_size': 25}))
    trial = comparison.trials()[-1]
    options = comparison.trial_options(trial)
    for loader in ('val_dataloader', 'test_dataloader'):
        assert options[f'{loader}.dataset.split'] == 'pretrain_train'
        assert options[f'{loader}.dataset.per_class'] == (60, 70)
        assert not any(key.startswith(f'{loader}.dataset.transforms') for key in options)
    assert options['train_dataloader.dataset.per_class'] == (0, 10)
    assert options['randomness.seed'] == 101 and options['train_dataloader.batch_size'] == 25
    assert options['model.head.multimix.alpha'] == (0.5, 2.0)
    final = comparison.cell_options(comparison.cells()[-1], 'short')
    assert not any(key.startswith(('val_', 'test_', 'model.')) for key in final)
    assert final['randomness.seed'] == 1


def test_a_change_of_a_candidate_repeats_what_depends_on_it(tmp_path):
    before = Jobs(comparison_jobs(load_comparison(small(tmp_path)), tmp_path, Launcher()), tmp_path)
    changed = {
        'cross-entropy': dict(
            config=str(PRETRAIN / 'resnet_tiny_digits_ce.py'),
            candidates={'recipe': {}, 'slow': {'optim_wrapper.optimizer.lr': 0.02}},
        ),
        'MultiMix': dict(
            config=str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
            candidates={'short': {}, 'long': {'model.head.multimix.alpha': (0.5, 2.0)}},
        ),
    }
    comparison = load_comparison(small(tmp_path, methods=changed))
    after = Jobs(comparison_jobs(comparison, tmp_path, Launcher()), tmp_path)
    names = [job.name for job in comparison_jobs(comparison, tmp_path, Launcher())]
    changed = {name for name in names if before._fingerprints[name] != after._fingerprints[name]}
    assert changed == {
        name for name in names if 'cross_entropy' in name and ('1_slow' in name or 'final' in name)
    }


@pytest.mark.parametrize('name', ['digits', 'cifar10', 'cifar10_resnet18'])
def test_shipped_experiments_are_whole(name, tmp_path):
    comparison = load_comparison(COMPARE / f'{name}.py')
    assert comparison.missing_configs() == []
    # Without CIFAR-10 only its data are missing.
    problems = problems_of(comparison)
    assert not [line for line in problems if 'data/cifar10' not in line]
    assert 'cifar10' in name or not problems
    assert comparison.tuning.validation[0] >= comparison.tuning.images_per_class


def test_every_pretraining_method_is_compared_on_digits(tmp_path):
    comparison = load_comparison(COMPARE / 'digits.py')
    assert {method.config for method in comparison.methods.values()} == set(
        PRETRAIN.glob('resnet_tiny_digits_*.py')
    )
    parts = plan_comparison(comparison, [comparison.cells()[0].name])
    # 3 candidates and 2 seeds of every method; 50 epochs of 6 steps, about as many with 100 and 900 images.
    assert [part.iterations for part in parts] == [300, 300, 300, 18 * 20]
    assert [part.runs for part in parts] == [len(comparison.methods) * n for n in (6, 5, 5, 5)]
    text = describe_comparison(comparison, parts, tmp_path)
    runs = len(comparison.methods) * 21
    epochs = len(comparison.methods) * (6 * 50 + 5 * (150 + 50 + 20)) - 150
    assert f'{runs} runs, 1 of them done; {epochs} epochs to do' in text
    assert 'compared on images 60 to 89 of each class of the training set, seeds 100, 101' in text


def test_refused_candidates_and_ranges_are_named_before_anything_starts(tmp_path):
    methods = {
        'MultiMix': dict(
            config=str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
            candidates={'ok': {}, 'typo': {'model.head.multimix.alpah': 1.0}},
        )
    }
    problems = problems_of(load_comparison(small(tmp_path, methods=methods)))
    assert len(problems) == 1 and 'alpah' in problems[0]
    assert problems[0].startswith("methods['MultiMix'].candidates['typo']")
    tuning = dict(images_per_class=10, validation=(60, 91), seeds=(100,))
    problems = problems_of(load_comparison(small(tmp_path, tuning=tuning)))
    assert len(problems) == 1
    assert problems[0].startswith('tuning: test_dataloader: per_class=(60, 91) needs')
    (tmp_path / 'empty').mkdir()
    ood = {'photos': str(tmp_path / 'nowhere'), 'more': str(tmp_path / 'empty')}
    problems = problems_of(load_comparison(small(tmp_path, ood=ood)))
    assert [line.split(' in ')[0] for line in problems] == [
        f"ood['photos']: no folder {tmp_path / 'nowhere'}",
        "ood['more']: no image",
    ]


def result(candidate, error, ece, bins, auroc):
    return {
        'candidate': candidate,
        'error': error,
        'error_best': error - 0.5,
        'ece': ece,
        'nll': 0.1,
        'ood': auroc,
        'alignment': None,
        'bins': bins,
        'seconds': 1.0,
    }


def bins(low, high):
    """Two bins of `(images, confidence, accuracy)`."""
    return [
        {'from': i / 2, 'to': (i + 1) / 2, 'images': n, 'confidence': c, 'accuracy': a}
        for i, (n, c, a) in enumerate((low, high))
    ]


def test_the_table_is_that_of_the_results(tmp_path):
    comparison = load_comparison(small(tmp_path))
    root = tmp_path / 'work'
    found = {}
    for trial in comparison.trials():
        found[trial.name] = {'error': 2.0 if trial.candidate in ('slow', 'short') else 3.0, 'nll': 0.2}
    first, second = bins((0, 0.0, 0.0), (10, 0.9, 1.0)), bins((4, 0.4, 0.5), (30, 0.8, 0.6))
    finals = {
        ('cross-entropy', 0): result('slow', 5.0, 0.02, first, 80.0),
        ('cross-entropy', 1): result('slow', 6.0, 0.04, second, 90.0),
        ('MultiMix', 0): result('short', 3.0, 0.02, first, 85.0),
        ('MultiMix', 1): result('short', 3.4, 0.03, first, 86.0),
    }
    for cell in comparison.cells():
        found[cell.name] = finals[cell.method.name, cell.seed]
    listed = [Job(name, '', lambda progress, value=value: value) for name, value in found.items()]
    jobs = Jobs(listed, root)
    with Progress(len(jobs)) as progress:
        jobs.run(progress)
    cost = {
        'baseline': 'cross-entropy',
        'repetitions': 5,
        'machine': {'device': 'a CPU', 'threads': 1},
        'methods': {
            'cross-entropy': {'candidate': 'slow', 'time': 1.0, 'memory': 1.0},
            'MultiMix': {'candidate': 'long', 'time': 9.0, 'memory': 9.0},  # not the one that was chosen
        },
    }
    (root / 'cost.json').write_text(json.dumps(cost))
    text = write_report(comparison, jobs, root, {'other': 'exit 1'})
    assert text == (root / 'table.md').read_text()
    assert [line for line in text.splitlines() if line.startswith('| ')] == [
        '| method | seeds | error, % | at the best epoch, % | ECE | NLL | OOD AUROC, % | time | memory '
        '| chosen |',
        '| cross-entropy | 2 | 5.50 ± 0.71 | 5.00 ± 0.71 | 0.030 ± 0.014 | 0.100 ± 0.000 | 85.0 ± 7.1 '
        '| 1.00x | 1.00x | slow |',
        '| MultiMix | 2 | **3.20 ± 0.28** | **2.70 ± 0.28** | 0.025 ± 0.007 | 0.100 ± 0.000 | 85.5 ± 0.7 '
        '|  |  | short |',
    ]
    assert 'relative to cross-entropy: median of 5 interleaved repetitions' in text
    report = json.loads((root / 'results.json').read_text())
    assert report['chosen'] == {'cross-entropy': 'slow', 'MultiMix': 'short'}
    # Both seeds as one set: 4 images at 0.4; of 40, 10 at 0.9 and 30 at 0.8, 10 and 18 of them right.
    pooled = report['rows'][0]['bins']
    assert [b['images'] for b in pooled] == [4, 40]
    assert [pooled[0][key] for key in ('confidence', 'accuracy')] == [0.4, 0.5]
    assert [round(pooled[1][key], 12) for key in ('confidence', 'accuracy')] == [0.825, 0.7]
    assert {cell['state'] for cell in report['final']} == {'done'}
    for name in ('methods', 'error_against_ece', 'reliability_100'):
        assert (root / f'{name}.png').read_bytes()[:4] == b'\x89PNG'


@pytest.mark.parametrize('groups', [1, 2, 3])
def test_the_legend_fits_below_the_panels(groups, tmp_path):
    names = list(load_comparison(COMPARE / 'digits.py').methods)
    values = {f'{group} images': {name: [1.0, 2.0] for name in names} for group in range(groups)}
    plot_trade(tmp_path / 'trade.png', names, values, values, title='Digits')
    picture = imread(tmp_path / 'trade.png')[..., :3]
    assert (picture[:, [0, -1]] == 1).all() and (picture[[0, -1]] == 1).all()  # nothing is cut off
    assert (picture < 1).any()


def test_a_report_of_nothing_and_of_failures(tmp_path):
    comparison = load_comparison(small(tmp_path))
    jobs = Jobs(comparison_jobs(comparison, tmp_path, Launcher()), tmp_path)
    failed = comparison.cells()[0].name
    text = write_report(comparison, jobs, tmp_path, {failed: 'exit 1'})
    assert 'Nothing is done yet.' in text
    report = json.loads((tmp_path / 'results.json').read_text())
    assert report['final'][0]['state'] == 'failed' and report['final'][0]['message'] == 'exit 1'
    assert report['final'][1]['state'] == 'to do' and not list(tmp_path.glob('*.png'))
