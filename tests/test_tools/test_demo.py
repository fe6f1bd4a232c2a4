"""The demo, whole, on a few images and iterations."""

import json

from PIL import Image

from experiments.demo import demo_plan
from experiments.demo_report import ROWS, Demo, write_report
from experiments.digits import prepare_digits
from experiments.engine import Engine, run

CLASSIFIER = {'train_cfg.max_epochs': 1}
DETECTOR = {
    'train_cfg.max_iters': 4,
    'train_cfg.val_interval': 4,
    'default_hooks.logger.interval': 2,
    'default_hooks.checkpoint.interval': 4,
    'default_hooks.checkpoint.save_best': None,
    'train_dataloader.batch_size': 2,
}


def test_the_demo_reports_draws_and_does_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    demo = Demo(train_images=8, val_images=5)
    prepare_digits(tmp_path / 'data', demo.train_images, demo.val_images)
    plan = demo_plan(tmp_path, demo, CLASSIFIER, DETECTOR)
    written = []

    def report(results, failures, draw=True):
        written.append(write_report(tmp_path, demo, results, failures, draw=draw))

    assert run(plan, Engine(), report) == {}
    assert len(written) > 3  # as cells got done
    report(plan.results(), {})
    found = json.loads((tmp_path / 'report.json').read_text())
    assert [(row['pretraining'], row['roi_multimix']) for row in found['rows']] == list(ROWS)
    for row in found['rows']:
        assert (row['top1'] is None) == (row['pretraining'] == 'none')
        assert 0 <= row['bbox_mAP'] <= row['bbox_mAP_50'] <= 1
        assert row['seconds'] > 0
    assert 'torch' in found['versions']
    assert written[-1] == (tmp_path / 'report.md').read_text() and written[-1].count('\n| ') == 5
    for name in ('map', 'curves', 'detections', 'embeddings'):
        assert min(Image.open(tmp_path / f'{name}.png').size) > 200
    assert not list(tmp_path.rglob('*.pkl'))

    # One cell undone: it alone is repeated, and what was made from it.
    checkpoints = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.pth')}
    assert len(checkpoints) >= 10
    (name,) = demo.classifiers('ce')
    plan.result_file(name).unlink()
    assert run(plan, Engine(), report) == {}
    changed = {path for path, time in checkpoints.items() if path.stat().st_mtime_ns != time}
    assert changed == {tmp_path / name / 'backbone.pth'}
