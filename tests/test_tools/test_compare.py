"""Comparisons of pretraining methods through the real command, processes, files and signals."""

import json
import re
import runpy
import shutil
import sys

import pytest
import torch
from cli import ROOT, drive, kill_all, wait_for
from mmengine.config import Config

from experiments.scalars import last_scalar, read_scalars

EXPERIMENT = """
methods = {{
    'cross-entropy': dict(
        config='{pretrain}/resnet_tiny_digits_ce.py',
        candidates={{'recipe': {{}}, 'fast': {{'optim_wrapper.optimizer.lr': 0.2}}}},
    ),
    'MultiMix': dict(
        config='{pretrain}/resnet_tiny_digits_multimix.py',
        candidates={{'short': {{}}, 'long': {{'model.head.multimix.alpha': (0.5, 2.0)}}}},
    ),
    'broken': dict(
        config='{pretrain}/resnet_tiny_digits_ce.py',
        candidates={{'typo': {{'optim_wrapper.optimizer.speed': 1}}, 'fine': {{}}}},
    ),
}}
images_per_class = (10,)
seeds = 1
tuning = dict(images_per_class=10, validation=(60, 70), seeds=(100,))
measures = ('accuracy', 'calibration', 'fgsm')
attack_images = 20
options = {{
    'train_cfg.max_epochs': 2,
    'optim_wrapper.optimizer.lr': 0.02,
    'default_hooks.checkpoint.save_best': None,
    'default_hooks.logger.interval': 1,
}}
"""
GOOD = ('cross_entropy', 'multimix')


@pytest.fixture(scope='module')
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp('experiment') / 'tiny.py'
    path.write_text(EXPERIMENT.format(pretrain=ROOT / 'configs/pretrain'))
    return path


@pytest.fixture(scope='module')
def done(experiment, tmp_path_factory):
    """The experiment run once: its work dir, and what the driver said."""
    folder = tmp_path_factory.mktemp('done')
    log = folder / 'driver.log'
    assert drive('compare.py', experiment, folder / 'work', log).wait(timeout=400) == 1, log.read_text()
    return folder / 'work', log.read_text()


def report_of(folder):
    return json.loads((folder / 'evaluation/report.json').read_text())['measures']


def test_methods_are_tuned_trained_and_measured_past_one_that_fails(done):
    work_dir, printed = done
    assert '3 methods, 2 candidates each, 1 seed\n' in printed
    assert 'tune: 6 cells of 2 configs (0 done), each 2 epochs, 4 iterations' in printed
    assert 'measures: accuracy, calibration, fgsm; 20 images are attacked' in printed
    assert 'cross-entropy, 10 images a class, seed 0: error' in printed
    report = json.loads((work_dir / 'results.json').read_text())
    candidates = {'cross-entropy': ('recipe', 'fast'), 'MultiMix': ('short', 'long')}
    assert [row['method'] for row in report['rows']] == list(candidates)
    for method, names, row in zip(GOOD, candidates.values(), report['rows'], strict=True):
        found = []
        for index, name in enumerate(names):
            accuracy = report_of(work_dir / f'tune/{method}/{index}_{name}/seed100')['accuracy']
            found.append((round(100 - accuracy['top1'], 6), accuracy['nll'], name))
        assert row['candidate'] == min(found)[2]
        folder = work_dir / f'final/10_per_class/{method}/seed0'
        measured, measures = report_of(folder), row['measures']
        assert measures['error']['values'] == [pytest.approx(100 - last_scalar(folder, 'accuracy/top1'))]
        best = max(value for _, value in read_scalars(folder, 'accuracy/top1'))
        assert measures['error_best']['values'] == [pytest.approx(100 - best)]
        assert measures['ece']['values'] == [measured['calibration']['ece']]
        assert measured['fgsm']['images'] == 20
        assert sum(entry['images'] for entry in measured['calibration']['bins']) == 280
    failed = [run for run in report['tuning'] + report['final'] if run['state'] == 'failed']
    assert {run['method'] for run in failed} == {'broken'}
    assert "unexpected keyword argument 'speed'" in failed[0]['message']
    assert f'log: {work_dir}/tune/broken/0_typo/seed100.log' in printed
    assert 'tune/broken/choice: needs tune/broken/0_typo/seed100, which failed' in printed
    assert '3 of 12 cells failed; the same command retries them:' in printed
    for name in ('methods', 'error_against_ece', 'reliability_100'):
        assert (work_dir / f'{name}.png').exists()


def test_candidates_never_see_the_test_set(done):
    for stage, split, count in (
        ('tune/multimix/1_long/seed100', 'pretrain_train', 100),
        ('final/10_per_class/multimix/seed0', 'pretrain_val', 280),
    ):
        folder = done[0] / stage
        cfg = Config.fromfile(next(folder.glob('*.py')))
        for loader in (cfg.val_dataloader, cfg.test_dataloader):
            assert loader.dataset.split == split
            assert [entry['type'] for entry in loader.dataset.transforms] == ['Resize']
        assert json.loads((folder / 'evaluation/report.json').read_text())['images'] == count
        assert cfg.train_dataloader.dataset.per_class == (0, 10)


def test_a_killed_driver_ends_in_the_same_table(experiment, done, tmp_path):
    work_dir = tmp_path / 'work'
    run = work_dir / 'final/10_per_class/cross_entropy/seed0'
    shutil.copytree(done[0] / 'tune', work_dir / 'tune')
    driver = drive('compare.py', experiment, work_dir, tmp_path / 'killed.log')
    wait_for((run / 'last_checkpoint').exists, driver)
    kill_all(work_dir)  # as when the machine goes down: the training too
    driver.wait()
    assert not (run / 'evaluation').exists()
    log = tmp_path / 'again.log'
    assert drive('compare.py', experiment, work_dir, log).wait(timeout=400) == 1
    assert (work_dir / 'table.md').read_text() == (done[0] / 'table.md').read_text()
    assert 'tune cross-entropy' not in log.read_text()  # what was done is not done again
    assert 'tune: 6 cells of 2 configs (5 done)' in log.read_text()
    assert read_scalars(run, 'loss') == read_scalars(done[0] / run.relative_to(work_dir), 'loss')


@pytest.fixture
def compare(monkeypatch, capfd):
    """The command as the shell starts it, without the seconds of a new interpreter."""
    threads = torch.get_num_threads()

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['compare.py', *map(str, arguments)])
        monkeypatch.syspath_prepend(ROOT / 'tools')
        said = ''
        try:
            runpy.run_path(str(ROOT / 'tools/compare.py'), run_name='__main__')
        except SystemExit as end:
            said = str(end.code)
        out, err = capfd.readouterr()
        return out + err + said

    yield call
    torch.set_num_threads(threads)


def test_the_dry_run_says_what_there_is_to_do_and_what_is_wrong(compare, experiment, done, tmp_path):
    printed = compare(experiment, '--work-dir', done[0], '--dry-run')
    assert '(5 done)' in printed and 'final: 3 cells of 2 configs (2 done)' in printed
    assert '3 of 12 cells would run:' in printed
    assert 'tune/broken/0_typo/seed100: failed when it was last tried' in printed
    printed = compare(experiment, '--work-dir', done[0], '--dry-run', '--methods', 'MultiMix')
    assert 'final: 1 cell of 1 config (1 done)' in printed and '0 of 4 cells would run' in printed
    bad = tmp_path / 'bad.py'
    text = experiment.read_text().replace('multimix.alpha', 'multimix.alpah')
    bad.write_text(text.replace('resnet_tiny_digits_ce', 'resnet_tiny_nothing'))
    printed = compare(bad, '--work-dir', tmp_path / 'work', '--dry-run')
    assert re.search(r"methods\['cross-entropy'\]: config .*resnet_tiny_nothing.py does not exist", printed)
    assert "methods['MultiMix'].candidates['long']" in printed and 'alpah' in printed
    printed = compare(bad, '--dry-run', '--methods', 'MultiMix')
    assert 'resnet_tiny_nothing.py does not exist' in printed and 'Traceback' not in printed
    assert '--cost compares all methods' in compare(experiment, '--cost', '--methods', 'MultiMix')
    bad.write_text(text + 'sizes = 3')
    assert 'has unknown sizes; known are attack_images, images_per_class' in compare(bad, '--dry-run')
    printed = compare(experiment, '--methods', 'mixup')
    assert "no method 'mixup'; there are 'cross-entropy', 'MultiMix', 'broken'" in printed
    assert not (tmp_path / 'work').exists()


def test_the_cost_is_measured_and_shown(compare, done, tmp_path):
    experiment = tmp_path / 'two.py'
    text = EXPERIMENT.format(pretrain=ROOT / 'configs/pretrain')
    text = re.sub(r"    'broken': dict\(.*?\n    \),\n", '', text, flags=re.DOTALL)
    text = text.replace("'optim_wrapper.optimizer.lr': 0.02,", "'train_dataloader.batch_size': 20,")
    experiment.write_text(text)
    printed = compare(experiment, '--work-dir', tmp_path / 'work', '--cost', '--repetitions', 3)
    cost = json.loads((tmp_path / 'work/cost.json').read_text())
    assert cost['baseline'] == 'cross-entropy' and cost['batch'] == 20
    first, second = cost['methods'].values()
    assert (first['time'], first['memory'], first['candidate']) == (1, 1, 'recipe')
    assert second['candidate'] == 'short' and second['bytes'] > 2**20 and second['seconds']['median'] > 0
    assert 'wrote' in printed and (tmp_path / 'work/table.md').exists()
