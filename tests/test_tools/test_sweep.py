"""A sweep through the real command line."""

import json
import re

import pytest
from cli import ROOT, tool

from experiments.data_state import forget
from experiments.digits import digits_options, prepare_digits
from experiments.estimate import describe, why
from experiments.sweep import load_sweep

EXPERIMENT = """
data = 'digits'
pretraining = '{root}/configs/pretrain/resnet_tiny_digits_ce.py'
detector = '{root}/configs/sweeps/faster_rcnn_digits.py'
metric = 'coco/bbox_mAP'
images = {{4: None}}
images_key = 'train_dataloader.dataset.indices'
seeds = 1
pretraining_options = {{'train_cfg.max_epochs': 1}}
options = {{'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2, 'model.test_cfg.rcnn.score_thr': 0.001}}
robustness = {{'corruptions': ('fog',), 'severities': (1,), 'images': 2}}
settings = {{
    'plain': {{'model.roi_head.bbox_head.multimix.loss_weight': 0}},
    '../../all, 0.3': {{'model.roi_head.bbox_head.multimix.among': 'all'}},
    {more}
}}
"""


def test_a_sweep_goes_past_a_failure_and_keeps_what_is_done(tmp_path):
    path, out = tmp_path / 'experiment.py', tmp_path / 'out'
    broken = "'odd': {'optim_wrapper.optimizer.lrr': 1},"
    path.write_text(EXPERIMENT.format(root=ROOT, more=broken))
    output = tool('sweep.py', path, '--work-dir', out, fails=True)
    assert '[1/4] seed 0: classifier: top-1' in output
    assert 'lrr' in output and 'FAILED' in output
    rows = json.loads((out / 'results.json').read_text())['rows']
    assert [row['setting'] for row in rows] == ['plain', '../../all, 0.3']
    assert rows[1]['gains'] == [rows[1]['values'][0] - rows[0]['values'][0]]
    table = (out / 'table.md').read_text()
    heads = 'coco/bbox_mAP | gain | D-ECE | change | LaECE | change | NLL | change | mPC | gain |'
    assert f'| setting | seeds | {heads}' in table and '| ../../all, 0.3 |' in table
    assert 'under 1 corruption at 1 of 5 severities, of 2 test images' in table
    # Two iterations leave no score of 0.3, so no D-ECE either.
    plain = rows[0]['measures']
    assert plain['D-ECE'] is None and 0 <= plain['LaECE']['mean'] <= 1 and 0 <= plain['mPC']['mean'] <= 1
    assert rows[1]['measures']['LaECE']['change']['values'] == [
        rows[1]['measures']['LaECE']['mean'] - plain['LaECE']['mean']
    ]
    assert (out / 'changes.png').read_bytes()[:4] == b'\x89PNG'
    folders = sorted(path.parent.relative_to(out) for path in out.rglob('run.json'))
    assert [str(path) for path in folders[:2]] == ['seed0/4_images/00_plain', 'seed0/4_images/01_all_0_3']
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['experiment.py', 'out']

    path.write_text(EXPERIMENT.format(root=ROOT, more=''))
    planned = tool('sweep.py', path, '--work-dir', out, '--dry-run')
    assert '0 of 3 cells would run:' in planned and 'coco/bbox_mAP, D-ECE, LaECE, NLL, mPC; mPC is' in planned
    output = tool('sweep.py', path, '--work-dir', out)
    assert 'top-1' not in output and '| ../../all, 0.3 |' in output  # nothing was done twice


def test_bad_experiments_are_named(tmp_path):
    path = tmp_path / 'experiment.py'
    good = EXPERIMENT.format(root=ROOT, more='')
    for text, message in (
        ("detector = 'nowhere.py'", 'lacks images, images_key, metric, seeds, settings'),
        (good + 'sedes = 1\n', 'has unknown sedes; known are calibration, data, detector,'),
        (
            good.replace('{4: None}', "{4: ('odd',)}"),
            "wants 'odd' for 4 images, which is not among its settings",
        ),
        (
            good.replace('{4: None}', "{'4/..': None}"),
            "images must have numbers of at least 1 as keys, got '4/..'",
        ),
        (good.replace('seeds = 1', 'seeds = 0'), 'seeds must be a number of at least 1, got 0'),
        (good + "calibration = 'no'\n", "calibration must be True or False, got 'no'"),
        (good.replace("'digits'", "'numbers'"), "data can only be 'digits', got 'numbers'"),
        (EXPERIMENT.format(root='/nowhere', more=''), 'faster_rcnn_digits.py, which does not exist'),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=re.escape(message)):
            load_sweep(path)
    for setting, reason in (
        ("'model.roi_head.bbox_head.multimix.among': 'odd'", 'among must be one of'),
        (
            "'model.roi_head.bbox_head.loss_cls.type': 'OddLoss'",
            'OddLoss is not in the mmdet::model registry',
        ),
        ("'model.roi_head.bbox_head.loss_cls.odd': 1", "unexpected keyword argument 'odd'"),
        ("'custom_imports.imports': 'no_such_package'", 'cannot be imported'),
        ("'train_pipeline.9.type': 'Odd'", 'does not fit'),
        ("'roi_head.bbox_head.multimix.among': 'all'", "reads 'roi_head'. Did you mean model.roi_head?"),
    ):
        path.write_text(EXPERIMENT.format(root=ROOT, more=f"'odd': {{{setting}}}"))
        (problem,) = load_sweep(path).problems(1)
        assert problem.startswith("settings['odd']: ") and reason in problem, problem
    path.write_text(good.replace('coco/bbox_mAP', 'coco/bbox_map'))
    problems = load_sweep(path).problems(1)
    expected = "settings['plain']: metrics[''] is 'coco/bbox_map', but test_evaluator gives coco/bbox_mAP"
    assert problems[0].startswith(expected)
    assert 'which 3 GPUs cannot share evenly' in load_sweep(path).problems(3)[-1]
    missing = "options['train_dataloader.dataset.data_root'] = 'no'\n"
    path.write_text(good.replace("data = 'digits'", '') + missing)
    printed = tool('sweep.py', path, fails=True)
    assert (
        'cannot start:' in printed and 'annotation file no/annotations/train.json does not exist' in printed
    )


def test_more_images_in_an_edited_file_are_written(tmp_path):
    path = tmp_path / 'experiment.py'
    found = []
    for images in ('{4: None}', '{4: None, 6: None}', '{4: None}'):
        path.write_text(EXPERIMENT.format(root=ROOT, more='').replace('{4: None}', images))
        load_sweep(path).prepare(tmp_path)
        folder = tmp_path / 'data/annotations'
        found.append([json.loads((folder / f'{name}.json').read_text()) for name in ('train', 'val')])
    (few, val), (more, _), last = found
    assert len(more['images']) == 6 and last == [more, val]
    # What was trained on the first images was trained on these.
    for key in ('images', 'annotations'):
        assert more[key][: len(few[key])] == few[key]


def test_more_images_than_there_are_are_refused(tmp_path):
    """Mmengine would train on all, and the table would call them as many as were wanted."""
    path, data = tmp_path / 'experiment.py', tmp_path / 'data'
    prepare_digits(data, 4, 2)
    text = EXPERIMENT.format(root=ROOT, more='').replace("data = 'digits'", '')
    text += f'options.update({digits_options(data)[0]})\n'
    for images, key, problems in (
        ('{4: None}', 'indices', []),
        (
            '{4: None, 7: None}',
            'indices',
            ['images has 7, but train_dataloader.dataset has only 4 images to train on'],
        ),
        (
            '{4: None}',
            'dataset.indices',
            ["images_key is 'train_dataloader.dataset.dataset.indices', with which there is no data set: "],
        ),
    ):
        wanted = text.replace('{4: None}', images).replace('dataset.indices', f'dataset.{key}')
        path.write_text(wanted)
        found = load_sweep(path).problems(1)
        assert [line[: len(start)] for line, start in zip(found, problems, strict=True)] == problems


OWN_DATA = """
_base_ = '{root}/configs/sweeps/faster_rcnn_digits.py'
data_root = '{data}/'
model = dict(test_cfg=dict(rcnn=dict(score_thr=0.001)))
train_cfg = dict(max_iters=2, val_interval=2)
train_dataloader = dict(batch_size=2, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root, ann_file='annotations/test.json'))
val_evaluator = dict(ann_file=data_root + 'annotations/val.json')
test_evaluator = dict(ann_file=data_root + 'annotations/test.json')
"""


@pytest.fixture
def own_data(tmp_path):
    """An experiment on a set that is there, of whose validation images two are the test set."""
    prepare_digits(tmp_path / 'data', 4, 4)
    content = json.loads((tmp_path / 'data/annotations/val.json').read_text())
    content['images'] = content['images'][:2]
    kept = {image['id'] for image in content['images']}
    content['annotations'] = [entry for entry in content['annotations'] if entry['image_id'] in kept]
    (tmp_path / 'data/annotations/test.json').write_text(json.dumps(content))
    (tmp_path / 'detector.py').write_text(OWN_DATA.format(root=ROOT, data=tmp_path / 'data'))
    lines = EXPERIMENT.format(root='.', more='').splitlines()
    left_out = ('data', 'pretraining', 'options', 'robustness', "    '../../all")
    kept = [line for line in lines if not line.startswith(left_out)]
    path = tmp_path / 'experiment.py'
    path.write_text('\n'.join(kept).replace('./configs/sweeps/faster_rcnn_digits.py', 'detector.py'))
    return path


def test_all_figures_are_of_the_test_set_and_edited_data_are_trained_again(own_data, tmp_path):
    out = tmp_path / 'out'
    tool('sweep.py', own_data, '--work-dir', out)
    folder = out / 'seed0/4_images/00_plain'
    (result,) = folder.glob('result-*.json')
    ap = json.loads((folder / 'evaluation/report.json').read_text())['measures']['ap']
    for key in ('mAP', 'mAP_50', 'mAP_75'):
        assert json.loads(result.read_text())[f'coco/bbox_{key}'] == pytest.approx(ap[key], abs=6e-4)
    assert 'tools/test.py ' in folder.with_suffix('.log').read_text()
    (tmp_path / 'data').rename(tmp_path / 'moved')
    (tmp_path / 'data').symlink_to(tmp_path / 'moved')
    forget()
    assert '0 of 1 cells would run' in why(load_sweep(own_data).plan(out))
    train = tmp_path / 'data/annotations/train.json'
    content = json.loads(train.read_text())
    content['annotations'].pop()
    train.write_text(json.dumps(content))
    forget()
    assert 'its config, options, measures or data have changed' in why(load_sweep(own_data).plan(out))
    tool('sweep.py', own_data, '--work-dir', out)
    assert (folder.with_name('00_plain.old1') / result.name).exists() and not result.exists()


def test_the_validation_serves_where_it_is_of_the_test_set(own_data, tmp_path):
    text, found = own_data.read_text(), []
    annotations = tmp_path / 'data/annotations/val.json'
    same = {
        'test_dataloader.dataset.ann_file': 'annotations/val.json',
        'test_evaluator.ann_file': str(annotations),
    }
    for options in ({}, dict(list(same.items())[:1]), dict(list(same.items())[1:]), same):
        own_data.write_text(f'{text}\noptions = {options}\n')
        (cell,) = load_sweep(own_data).plan(tmp_path).cells.values()
        found.append(cell.settings['validated'])
    assert found == [False, False, False, True]


@pytest.mark.parametrize('path', sorted((ROOT / 'configs/sweeps').glob('signal_*.py')), ids=lambda p: p.stem)
def test_shipped_experiments_are_whole(path, tmp_path):
    sweep = load_sweep(path)
    # Without the data only they are missing.
    assert not [line for line in sweep.problems(1) if 'data/' not in line]
    text = describe(sweep.plan(tmp_path), sweep.about())
    assert f'{len(sweep.cells())} cells of 1 config' in text
