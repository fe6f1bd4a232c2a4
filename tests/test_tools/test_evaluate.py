"""tools/evaluate.py as users run it."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from cli import ROOT, tool
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

CONFIG = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
FEW = {'test_dataloader.dataset.per_class': '(0,4)'}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """One epoch on a few digits, from the command line."""
    root = tmp_path_factory.mktemp('trained')
    few = {'train_dataloader.dataset.per_class': '(0,30)', 'val_dataloader.dataset.per_class': '(0,10)'}
    # With branches that start as zeros: others tell noise apart so well that no measure of it says which noise.
    short = {'train_cfg.max_epochs': 1, 'model.backbone.zero_init_residual': True}
    tool('train.py', CONFIG, '--work-dir', root, options={**few, **short})
    photos = root / 'photos'
    photos.mkdir()
    for index in range(6):
        Image.effect_noise((50 + index, 40), 80).save(photos / f'{index}.jpg')
    for letter in 'abcdefghij':
        (root / 'letters' / letter).mkdir(parents=True)
        Image.new('RGB', (64, 64)).save(root / 'letters' / letter / '0.png')
    return SimpleNamespace(root=root, checkpoint=root / 'epoch_1.pth', photos=photos)


def test_every_measure_of_a_trained_classifier(trained):
    out = trained.root / 'report'
    output = tool(
        'evaluate.py',
        CONFIG,
        trained.checkpoint,
        '--out',
        out,
        '--ood',
        f'noisy={trained.photos}',
        '--corruptions',
        'contrast',
        'shot_noise',
        '--severities',
        5,
        options=FEW,
    )
    plan = output.index('40 images of 64x64, 10 classes')
    assert plan < output.index('out of distribution: noisy, 6 images') < output.index('[1/9] clean images')

    report = json.loads((out / 'report.json').read_text())
    assert (report['weights'], report['epoch'], report['images'], report['size']) == (
        'model',
        1,
        40,
        [64, 64],
    )
    assert report['versions']['torch'] and report['seconds'] > 0
    measures = report['measures']
    assert set(measures) == {'accuracy', 'calibration', 'fgsm', 'pgd', 'ood', 'embedding', 'corruptions'}
    assert measures['accuracy']['top1'] < measures['accuracy']['top5'] <= 100
    assert measures['fgsm']['nll'] > measures['accuracy']['nll'] < measures['pgd']['nll']
    assert 0 <= measures['calibration']['ece'] <= 1
    assert len(measures['calibration']['bins']) == 15
    assert set(measures['ood']) == {'uniform', 'gaussian', 'noisy'}
    for values in measures['ood'].values():
        assert all(0 <= values[name] <= 100 for name in ('auroc', 'aupr_in', 'aupr_out'))
        assert values['detection_accuracy'] >= 50
    assert -8 <= measures['embedding']['uniformity'] <= 0 <= measures['embedding']['alignment'] <= 4

    text = (out / 'report.md').read_text()
    assert f'| clean images | top-1, % | {measures["accuracy"]["top1"]:.2f} |' in text
    assert '| FGSM of 40 images, eps 8/255 |' in text
    assert '| PGD of 40 images, eps 4/255, 20 steps of 2/255 |' in text
    assert '| mean over 2 corruptions of 40 images | top-1, % |' in text and '| shot_noise |' in text
    assert 0 <= measures['calibration']['ece_temperature'] <= 1 < 100 * measures['calibration']['temperature']
    for name in ('reliability', 'ood', 'embedding'):
        assert f'({name}.png)' in text
        with Image.open(out / f'{name}.png') as picture:
            assert picture.format == 'PNG' and min(picture.size) > 300
            assert np.asarray(picture.convert('L')).std() > 10

    # The same numbers from mmengine's own loop, and the cheap measures as metrics in it.
    config = trained.root / 'with_calibration.py'
    metrics = [dict(type='ClsAccuracy'), dict(type='ClsCalibration'), dict(type='ClsEmbedding')]
    config.write_text(f'_base_ = {str(CONFIG)!r}\ntest_evaluator = {metrics}\n')
    output = tool('test.py', config, trained.checkpoint, '--work-dir', trained.root / 'test', options=FEW)
    assert f'accuracy/top1: {measures["accuracy"]["top1"]:.4f}' in output
    for name, value in measures['embedding'].items():
        assert f'embedding/{name}: {value:.4f}' in output
    assert f'calibration/ece: {measures["calibration"]["ece"]:.4f}' in output
    assert f'calibration/nll: {measures["accuracy"]["nll"]:.4f}' in output


def test_averaged_and_trained_weights_of_a_run_with_ema(tmp_path, evaluate_main):
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = tmp_path.name
    cfg.train_dataloader.dataset.per_class, cfg.val_dataloader.dataset.per_class = (0, 10), (0, 2)
    cfg.train_cfg.max_epochs = 1
    cfg.custom_hooks.append(dict(type='EMAHook', momentum=0.5))
    Runner.from_cfg(cfg).train()
    losses = {}
    for weights in ('ema', 'model'):
        arguments = ('--weights', weights, '--out', tmp_path / weights, '--measures', 'accuracy', '--seed', 1)
        evaluate_main(CONFIG, tmp_path / 'epoch_1.pth', *arguments)
        report = json.loads((tmp_path / weights / 'report.json').read_text())
        assert report['weights'] == weights and set(report['measures']) == {'accuracy'}
        losses[weights] = report['measures']['accuracy']['nll']
    assert losses['ema'] != losses['model']


def test_all_images_are_measured_where_the_last_batch_is_dropped(trained, evaluate_main):
    reports = []
    for name, dropped in (('whole', False), ('dropped', True)):
        options = ('test_dataloader.batch_size=7', f'test_dataloader.drop_last={dropped}')
        few = [f'{key}={value}' for key, value in FEW.items()]
        arguments = ('--out', trained.root / name, '--measures', 'accuracy')
        evaluate_main(CONFIG, trained.checkpoint, *arguments, '--cfg-options', *options, *few)
        reports.append(json.loads((trained.root / name / 'report.json').read_text()))
    assert reports[0]['measures'] == reports[1]['measures'] and reports[0]['images'] == 40


def test_the_seed_repeats_every_number(trained, evaluate_main):
    reports = []
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        out = trained.root / name
        arguments = ('--out', out, '--seed', seed, '--measures', 'pgd', 'ood', '--pgd-steps', 1)
        evaluate_main(
            CONFIG, trained.checkpoint, *arguments, '--cfg-options', 'test_dataloader.dataset.per_class=(0,3)'
        )
        reports.append(json.loads((out / 'report.json').read_text())['measures'])
    assert reports[0] == reports[1]
    for measure in ('pgd', 'ood'):
        assert reports[0][measure] != reports[2][measure]


def other_data(root):
    key = 'test_dataloader.dataset'
    options = (
        f'{key}._delete_=True',
        f'{key}.type=ImageFolderDataset',
        f'{key}.data_root={root}',
        f'{key}.split=letters',
    )
    return '--cfg-options', *options


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda t: (CONFIG, t.checkpoint, *other_data('nowhere')), 'no folder .*nowhere'),
        (
            lambda t: (CONFIG, t.checkpoint, *other_data(t.root)),
            "label 0 is class '0' in training, but 'a' in the test set",
        ),
        (
            lambda t: (CONFIG, t.checkpoint, '--cfg-options', 'test_dataloader=None'),
            'test_dataloader: the config has none',
        ),
    ],
)
def test_other_data_is_refused_at_once(trained, evaluate_main, change, message):
    error = evaluate_main(*change(trained), fails=True)
    assert re.search(message, error), error
