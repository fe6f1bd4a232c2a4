"""Experiment files of comparisons and the choice of candidates."""

import subprocess
import sys

import pytest
from cli import ROOT, environment
from PIL import Image

from experiments.comparison import load_comparison
from experiments.comparison_cells import comparison_plan
from experiments.comparison_checks import problems_of
from experiments.estimate import describe, estimate
from experiments.overrides import read_config
from experiments.scalars import read_scalars

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


def test_a_choice_follows_the_trials_and_the_finals_follow_it(tmp_path):
    comparison = load_comparison(small(tmp_path))
    cells = comparison_plan(comparison, tmp_path).cells
    choice = cells['tune/multimix/choice']
    assert choice.settings['trials'] == ['short', 'short', 'long', 'long']
    mine = [trial.name for trial in comparison.trials() if trial.method.name == 'MultiMix']
    assert list(choice.needs) == mine and cells[mine[1]].options['randomness.seed'] == '101'
    final = cells['final/10_per_class/multimix/seed1']
    assert final.needs == ('tune/multimix/choice',)
    candidates = final.settings['candidates']
    assert candidates['long'] == {**candidates['short'], 'model.head.multimix.alpha': '(0.5, 2.0)'}
    # A method with nothing to choose needs no choice.
    lone = {
        'a': dict(config=str(PRETRAIN / 'resnet_tiny_digits_ce.py'), candidates={'x': {'load_from': 'y'}})
    }
    cells = comparison_plan(load_comparison(small(tmp_path, methods=lone)), tmp_path).cells
    assert all(cell.kind == 'final' and cell.options['load_from'] == 'y' for cell in cells.values())


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
        ({'attack_images': '100'}, "attack_images must be an integer, got '100'"),
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


def test_candidates_are_never_validated_on_the_test_set_which_has_what_the_other_leaves_out(tmp_path):
    """A training set without `split` has that of training: the validation split is of its images."""
    for split in ('train', 'test'):
        for name in ('cat', 'dog'):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(4):
                Image.new('RGB', (8, 8)).save(tmp_path / split / name / f'{index}.png')
    sets = {
        f'{name}_dataloader': dict(
            dataset=dict(_delete_=True, type='ImageFolderDataset', data_root=str(tmp_path), **more)
        )
        for name, more in (('train', {}), ('val', dict(split='test')), ('test', dict(split='test')))
    }
    text = '\n'.join(f'{key} = {value!r}' for key, value in sets.items())
    (tmp_path / 'classifier.py').write_text(
        f'_base_ = {str(PRETRAIN / "resnet_tiny_digits_ce.py")!r}\nmodel = dict(head=dict(num_classes=2))\n{text}\n'
    )
    candidates = {'recipe': {}, 'slow': {'optim_wrapper.optimizer.lr': 0.01}}
    lone = {'a': dict(config=str(tmp_path / 'classifier.py'), candidates=candidates)}
    tuning = dict(images_per_class=2, validation=(2, 4), seeds=(100,))
    comparison = load_comparison(small(tmp_path, methods=lone, images_per_class=(2,), tuning=tuning))
    trial = comparison.trials()[0]
    cfg = read_config(trial.method.config, comparison.trial_options(trial))
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert (loader.dataset.split, loader.dataset.per_class) == ('train', (2, 4))
    (tmp_path / 'other.py').write_text(
        (tmp_path / 'classifier.py').read_text() + "val_dataloader['dataset']['fold'] = 3\n"
    )
    lone['a']['config'] = str(tmp_path / 'other.py')
    comparison = load_comparison(small(tmp_path, methods=lone, images_per_class=(2,), tuning=tuning))
    trial = comparison.trials()[0]
    with pytest.raises(
        ValueError, match=r'val_dataloader\.dataset has fold, which train_dataloader\.dataset'
    ):
        comparison.trial_options(trial)


def test_a_change_of_a_candidate_repeats_what_depends_on_it(tmp_path):
    before = comparison_plan(load_comparison(small(tmp_path)), tmp_path).cells
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
    after = comparison_plan(load_comparison(small(tmp_path, methods=changed)), tmp_path).cells
    changed = {name for name in before if before[name].key != after[name].key}
    assert changed == {
        name for name in before if 'cross_entropy' in name and ('tune' not in name or '0_recipe' not in name)
    }


@pytest.mark.parametrize('name', ['digits', 'cifar10', 'cifar10_long', 'cifar10_resnet18'])
def test_shipped_experiments_are_whole(name, tmp_path):
    comparison = load_comparison(COMPARE / f'{name}.py')
    assert comparison.missing_configs() == []
    # Without CIFAR-10 only its data are missing.
    problems = problems_of(comparison, 1)
    assert not [line for line in problems if 'data/cifar10' not in line]
    assert 'cifar10' in name or not problems
    assert comparison.tuning.validation[0] >= comparison.tuning.images_per_class


def test_every_pretraining_method_is_compared_on_digits(tmp_path):
    comparison = load_comparison(COMPARE / 'digits.py')
    compared = {method.config for method in comparison.methods.values()}
    assert compared >= set(PRETRAIN.glob('resnet_tiny_digits_*.py'))
    plan = comparison_plan(comparison, tmp_path)
    parts = estimate(plan)
    # 4 candidates and 2 seeds of every method; 50 epochs of 6 steps, about as many with 100 and 900 images.
    assert [part.iterations for part in parts.values()] == [300, 300, 300, 18 * 20]
    assert [part.cells for part in parts.values()] == [15 * n for n in (8, 5, 5, 5)]
    assert [(kind, length) for kind, length, _ in parts] == [
        *(('tune', '50 epochs'), ('final', '150 epochs'), ('final', '50 epochs'), ('final', '20 epochs'))
    ]
    text = describe(plan, comparison.about())
    assert 'compared on images 60 to 89 of each class of the training set, seeds 100, 101' in text


def test_refused_candidates_and_ranges_are_named_before_anything_starts(tmp_path):
    methods = {
        'MultiMix': dict(
            config=str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
            candidates={'ok': {}, 'typo': {'model.head.multimix.alpah': 1.0}},
        )
    }
    problems = problems_of(load_comparison(small(tmp_path, methods=methods)), 1)
    assert len(problems) == 1 and 'alpah' in problems[0]
    assert problems[0].startswith("methods['MultiMix'].candidates['typo']")
    problems = problems_of(load_comparison(small(tmp_path, images_per_class={10: {'max_epochs': 3}})), 1)
    assert len(problems) == 1
    assert problems[0].startswith('images_per_class[10]: the override max_epochs changes nothing: ')
    tuning = dict(images_per_class=10, validation=(60, 91), seeds=(100,))
    problems = problems_of(load_comparison(small(tmp_path, tuning=tuning)), 1)
    assert len(problems) == 1
    assert problems[0].startswith('tuning: test_dataloader: per_class=(60, 91) needs')
    (tmp_path / 'empty').mkdir()
    ood = {'photos': str(tmp_path / 'nowhere'), 'more': str(tmp_path / 'empty')}
    problems = problems_of(load_comparison(small(tmp_path, ood=ood)), 1)
    assert [line.split(' in ')[0] for line in problems] == [
        f"ood['photos']: no folder {tmp_path / 'nowhere'}",
        "ood['more']: no image",
    ]


def test_the_best_epoch_is_left_out_where_it_is_of_other_images(tmp_path):
    """What the log has of them would stand beside errors on the test set."""
    lone = {'a': dict(config=str(PRETRAIN / 'resnet_tiny_digits_ce.py'), candidates={'x': {}})}
    options = {'train_cfg.max_epochs': 1, 'val_dataloader.dataset.per_class': (0, 5)}
    path = small(tmp_path, methods=lone, seeds=1, tuning=None, measures=('accuracy',), options=options)
    plan = comparison_plan(load_comparison(path), tmp_path)
    plan.write()
    (name,) = plan.cells
    command = [sys.executable, '-m', 'experiments.cell', plan.file, name]
    subprocess.run(list(map(str, command)), cwd=ROOT, env=environment(), check=True, capture_output=True)
    assert plan.result(name)['error'] > 0 and plan.result(name)['error_best'] is None
    assert read_scalars(tmp_path / name, 'accuracy/top1')
