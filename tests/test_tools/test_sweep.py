"""A sweep through the real command line."""

import json

from cli import ROOT, tool

EXPERIMENT = """
data = 'digits'
pretraining = '{root}/configs/pretrain/resnet_tiny_digits_ce.py'
detector = '{root}/configs/sweeps/faster_rcnn_digits.py'
metric = 'coco/bbox_mAP'
images = {{4: None}}
images_key = 'train_dataloader.dataset.indices'
seeds = 1
pretraining_options = {{'train_cfg.max_epochs': 1}}
options = {{'train_cfg.max_iters': 2, 'train_cfg.val_interval': 2}}
settings = {{
    'plain': {{'model.roi_head.bbox_head.multimix.loss_weight': 0}},
    '../../all, 0.3': {{'model.roi_head.bbox_head.multimix.among': 'all'}},
    {more}
}}
"""


def test_a_sweep_goes_past_a_failure_and_keeps_what_is_done(tmp_path):
    path, out = tmp_path / 'experiment.py', tmp_path / 'out'
    broken = "'odd': {'model.roi_head.bbox_head.multimix.among': 'odd'},"
    path.write_text(EXPERIMENT.format(root=ROOT, more=broken))
    output = tool('sweep.py', path, '--work-dir', out, fails=True)
    assert '[1/4] seed 0: classifier: top-1' in output
    assert 'among must be one of' in output and 'FAILED' in output
    rows = json.loads((out / 'results.json').read_text())['rows']
    assert [row['setting'] for row in rows] == ['plain', '../../all, 0.3']
    assert rows[1]['gains'] == [rows[1]['values'][0] - rows[0]['values'][0]]
    assert '| ../../all, 0.3 |' in (out / 'table.md').read_text()
    assert (out / 'gains.png').read_bytes()[:4] == b'\x89PNG'
    folders = sorted(path.parent.relative_to(out) for path in out.rglob('run.json'))
    assert [str(path) for path in folders[:2]] == ['seed0/4_images/00_plain', 'seed0/4_images/01_all_0_3']
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['experiment.py', 'out']

    path.write_text(EXPERIMENT.format(root=ROOT, more=''))
    assert '0 of 3 cells would run:' in tool('sweep.py', path, '--work-dir', out, '--dry-run')
    output = tool('sweep.py', path, '--work-dir', out)
    assert 'top-1' not in output and '| ../../all, 0.3 |' in output  # nothing was done twice


def test_bad_experiments_are_named(tmp_path):
    path = tmp_path / 'experiment.py'
    assert f'experiment {path} does not exist' in tool('sweep.py', path, fails=True)
    path.write_text("detector = 'nowhere.py'")
    assert 'lacks images, images_key, metric, seeds, settings' in tool('sweep.py', path, fails=True)
    path.write_text(EXPERIMENT.format(root=ROOT, more='') + 'sedes = 1\n')
    assert 'has unknown sedes; known are data, detector,' in tool('sweep.py', path, fails=True)
    odd = EXPERIMENT.format(root=ROOT, more='').replace('{4: None}', "{4: ('odd',)}")
    path.write_text(odd)
    assert "wants 'odd' for 4 images, which is not among its settings" in tool('sweep.py', path, fails=True)
    good = EXPERIMENT.format(root=ROOT, more='')
    path.write_text(good.replace('seeds = 1', 'seeds = 0'))
    assert 'seeds must be a number of at least 1, got 0' in tool('sweep.py', path, fails=True)
    path.write_text(good.replace('coco/bbox_mAP', 'coco/bbox_map'))
    printed = tool('sweep.py', path, fails=True)
    assert (
        "settings['plain']: metrics[''] is 'coco/bbox_map', but test_evaluator gives coco/bbox_mAP" in printed
    )
    path.write_text(
        good.replace("data = 'digits'", '') + "options['train_dataloader.dataset.data_root'] = 'no'\n"
    )
    printed = tool('sweep.py', path, fails=True)
    assert (
        'cannot start:' in printed and 'annotation file no/annotations/train.json does not exist' in printed
    )
    path.write_text(EXPERIMENT.format(root='/nowhere', more=''))
    assert 'faster_rcnn_digits.py, which does not exist' in tool('sweep.py', path, fails=True)
