"""tools/evaluate.py on detectors, as users run it; and DetCalibration in mmdet's own loop."""

import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from cli import ROOT, environment, tool
from mmdet.datasets import VOCDataset
from mmengine.config import Config
from PIL import Image

from experiments.scalars import last_scalar
from mmdet_multimix.checkpoints import read_checkpoint
from mmdet_multimix.evaluation.detection import measure_files

CONFIG = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
LOW = {'model.test_cfg.rcnn.score_thr': 0.001}  # a detector of four iterations is sure of nothing


@pytest.fixture(scope='module')
def trained(digits_options, tmp_path_factory):
    """Four iterations, with calibration in the validation log."""
    root = tmp_path_factory.mktemp('trained')
    config = root / 'with_calibration.py'
    config.write_text(
        f'_base_ = {str(CONFIG)!r}\n'
        'val_evaluator = [{{_base_.val_evaluator}}, dict(type="DetCalibration", min_score=0.01)]\n'
    )
    options = {key: value for key, value in digits_options.items() if not key.startswith('val_evaluator')}
    options |= {'val_evaluator.0.ann_file': digits_options['val_evaluator.ann_file']}
    short = {'train_cfg.max_iters': 4, 'train_cfg.val_interval': 4, 'default_hooks.checkpoint.interval': 4}
    tool('train.py', config, '--work-dir', root, options={**options, **short, **LOW})
    (root / 'photos').mkdir()
    for index in range(3):
        Image.effect_noise((50 + index, 40), 80).convert('RGB').save(root / f'photos/{index}.png')
    return SimpleNamespace(root=root, checkpoint=root / 'iter_4.pth', options={**digits_options, **LOW})


def test_calibration_is_logged_while_validating(trained):
    for name in ('d_ece', 'laece', 'lrp'):
        assert 0 <= last_scalar(trained.root, f'calibration/{name}') <= 1


def test_every_measure_of_a_trained_detector(trained):
    out = trained.root / 'report'
    arguments = ('--out', out, '--ood', trained.root / 'photos', '--score-thr', 0.01)
    arguments += ('--corruptions', 'fog', 'contrast', '--severities', 1, 5)
    output = tool('evaluate.py', CONFIG, trained.checkpoint, *arguments, options=trained.options)
    plan = output.index('4 images, ')
    assert (
        plan < output.index('without any known class: photos, 3 images') < output.index('[1/7] test images')
    )
    assert 'calibration after training is fitted on the other half of the images' in output

    measures = json.loads((out / 'report.json').read_text())['measures']
    assert {'d_ece', 'laece', 'lrp', 'mpc', 'rpc', 'ap', 'post_hoc', 'ood', 'corruptions'} <= set(measures)
    assert set(measures['corruptions']['types']) == {'fog', 'contrast'}
    assert set(measures['ood']) == {'test images', 'photos'}
    assert '| LRP (τ = 0), at LRP-optimal scores |' in (out / 'report.md').read_text()

    # The same AP as mmdet's own evaluation, and the calibration that validation logged.
    printed = tool('test.py', CONFIG, trained.checkpoint, '--work-dir', out, options=trained.options)
    theirs = float(re.findall(r'coco/bbox_mAP: (\d\.\d+)', printed)[-1])
    assert measures['ap']['mAP'] == pytest.approx(theirs, abs=6e-4)
    for name in ('laece', 'lrp'):
        assert measures[name] == pytest.approx(last_scalar(trained.root, f'calibration/{name}'), rel=1e-4)

    # Stopped and started again it only reads, and says the same.
    before = (out / 'report.json').read_text()
    tool('evaluate.py', CONFIG, trained.checkpoint, *arguments, options=trained.options)
    again = json.loads((out / 'report.json').read_text())
    assert again['measures'] == json.loads(before)['measures']


@pytest.fixture
def main(evaluate_main):
    """The tool on what was trained."""

    def call(trained, *arguments, fails=False, config=CONFIG):
        options = [f'{key}={value}' for key, value in trained.options.items()]
        arguments = [config, trained.checkpoint, *arguments, '--cfg-options', *options]
        return evaluate_main(*arguments, fails=fails)

    return call


def test_the_weights_of_a_run_with_ema_that_are_asked_for(trained, tmp_path, main):
    stored = {key: read_checkpoint(trained.checkpoint)[key] for key in ('meta', 'state_dict')}
    averaged = {key: value * 0.5 if 'fc_cls' in key else value for key, value in stored['state_dict'].items()}
    behind = {f'module.{key}': value for key, value in stored['state_dict'].items()}
    torch.save({**stored, 'state_dict': averaged, 'ema_state_dict': behind}, tmp_path / 'ema.pth')
    found = {}
    for name, checkpoint, arguments in (
        ('trained', trained.checkpoint, ()),
        ('model', tmp_path / 'ema.pth', ('--weights', 'model')),
        ('ema', tmp_path / 'ema.pth', ()),
    ):
        run = SimpleNamespace(checkpoint=checkpoint, options=trained.options)
        main(run, '--out', tmp_path / 'report', '--measures', 'calibration', *arguments)
        report = json.loads((tmp_path / 'report/report.json').read_text())
        assert report['weights'] == ('ema' if name == 'ema' else 'model')
        found[name] = report['measures']
    assert found['model'] == found['trained'] != found['ema']
    assert 'holds no averaged weights' in main(trained, '--weights', 'ema', fails=True)


def test_a_detector_of_voc_that_is_validated_on_other_images(trained, voc, tmp_path, main):
    """Stock mmdet's config of another set, whose validation images are not those of the test."""
    config = tmp_path / 'voc.py'
    dataset = dict(
        type='VOCDataset',
        data_root=f'{voc}/',
        metainfo=dict(classes=('cat', 'dog', 'person', *VOCDataset.METAINFO['classes'][:7])),
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        test_mode=True,
        pipeline=[dict(step) for step in Config.fromfile(CONFIG).test_pipeline],
    )
    text = f'_base_ = {str(CONFIG)!r}\n'
    for name, year in (('test', 'VOC2007'), ('val', 'VOC2012')):
        of_year = repr({'_delete_': True, **dataset}).replace('VOC2007', year)
        text += f'{name}_dataloader = dict(dataset={of_year})\n'
    text += 'val_evaluator = dict(_delete_=True, type="VOCMetric", metric="mAP")\ntest_evaluator = val_evaluator\n'
    config.write_text(text)
    plain = SimpleNamespace(checkpoint=trained.checkpoint, options=LOW)
    arguments = ('--out', tmp_path / 'report', '--measures', 'ap', 'calibration', 'post_hoc')
    output = main(plain, *arguments, config=config)
    assert 'calibration after training is fitted on the 4 images of val_dataloader' in output
    measures = json.loads((tmp_path / 'report/report.json').read_text())['measures']
    assert (
        measures['ap']['classes']['cat']['objects'] == 3 and measures['ap']['classes']['dog']['objects'] == 0
    )


# mmdet's own RetinaNet on its own COCO config, which only images and schedule are made smaller of.
STOCK = """
import sys

from mmengine.config import Config
from mmengine.runner import Runner

config, data, out = sys.argv[1:]
cfg = Config.fromfile(config)
loaders = {f'{name}_dataloader.{key}': value for name in ('train', 'val', 'test')
           for key, value in (('num_workers', 0), ('persistent_workers', False), ('dataset.data_root', f'{data}/'))}
scales = {'train_dataloader.dataset.pipeline.2.scale': (96, 64)}
scales |= {f'{name}_dataloader.dataset.pipeline.1.scale': (96, 64) for name in ('val', 'test')}
annotations = f'{data}/annotations/instances_val2017.json'
metrics = {'val_evaluator.ann_file': annotations, 'test_evaluator.ann_file': annotations}
cfg.merge_from_dict({**loaders, **scales, **metrics, 'model.backbone.init_cfg': None, 'model.test_cfg.score_thr': 0.001})
cfg.merge_from_dict({'randomness.seed': 0, 'train_cfg.max_epochs': 1, 'test_evaluator.outfile_prefix': f'{out}/found', 'work_dir': out})
cfg.dump(f'{out}/retinanet.py')
runner = Runner.from_cfg(cfg)
runner.train()
runner.test()
assert 'mmdet_multimix' not in sys.modules
"""


def test_a_detector_of_stock_mmdet_that_never_saw_this_package(coco, tmp_path, evaluate_main):
    base = tmp_path / 'base.py'
    base.write_text("_base_ = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'\n")
    command = [sys.executable, '-c', STOCK, str(base), str(coco), str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    arguments = (tmp_path / 'retinanet.py', tmp_path / 'epoch_1.pth', '--out', tmp_path / 'report')
    output = evaluate_main(*arguments, '--measures', 'ap', 'calibration')
    assert '4 images, 12 objects of 80 classes' in output
    measures = json.loads((tmp_path / 'report/report.json').read_text())['measures']
    # The same as from the detections that mmdet itself has written.
    files = measure_files(coco / 'annotations/instances_val2017.json', tmp_path / 'found.bbox.json').values
    assert json.loads((tmp_path / 'found.bbox.json').read_text()) and 0 < files['lrp'] <= 1
    # A detector of one step may hit nothing, and then has no LaECE.
    for key in ('lrp', 'laece', 'olrp_50'):
        found = math.nan if measures[key] is None else measures[key]
        assert found == pytest.approx(files[key], rel=1e-6, nan_ok=True), key
    assert measures['ap']['mAP'] == pytest.approx(files['ap']['mAP'], abs=1e-9)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--ood', 'nowhere'), 'no folder .*nowhere'),
        (('--fit-on', 'val'), '4 images of val_dataloader are in test_dataloader'),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(trained, main, arguments, message):
    error = main(trained, *arguments, fails=True)
    assert re.search(message, error), error


def test_checkpoints_and_data_that_do_not_fit_are_refused(trained, main, tmp_path):
    other = SimpleNamespace(checkpoint=tmp_path / 'no.pth', options=trained.options)
    assert 'does not exist' in main(other, fails=True)
    ssd = ROOT / 'configs/detection/ssd_tiny_digits.py'
    assert 'is of another model' in main(trained, fails=True, config=ssd)
    away = {**trained.options, 'test_dataloader.dataset.data_root': 'nowhere/'}
    moved = SimpleNamespace(checkpoint=trained.checkpoint, options=away)
    assert re.search(r'annotation file nowhere/annotations/val\.json does not exist', main(moved, fails=True))
