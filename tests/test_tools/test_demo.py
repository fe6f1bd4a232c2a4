"""The demo, whole, on a few images and iterations."""

import json

import pytest
from cli import ROOT
from PIL import Image

from experiments import Progress


@pytest.fixture
def demo(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools')
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    import demo as module

    monkeypatch.setattr(module, 'TRAIN_IMAGES', 8)
    monkeypatch.setattr(module, 'VAL_IMAGES', module.SHOWN)

    class ShortDemo(module.Demo):
        def pretrain_run(self, method, seed):
            run = super().pretrain_run(method, seed)
            run.options['train_cfg.max_epochs'] = 1
            return run

        def detect_run(self, *row):
            run = super().detect_run(*row)
            few = {'train_cfg.max_iters': 4, 'train_cfg.val_interval': 4, 'default_hooks.logger.interval': 2}
            run.options |= {**few, 'default_hooks.checkpoint.interval': 4, 'train_dataloader.batch_size': 2}
            run.options['default_hooks.checkpoint.save_best'] = None
            return run

    return ShortDemo(tmp_path, 1)


def test_the_demo_reports_draws_and_does_nothing_twice(demo):
    demo.run()
    text = demo.report()
    demo.draw()
    report = json.loads((demo.root / 'report.json').read_text())
    rows = report['rows']
    assert [(row['pretraining'], row['roi_multimix']) for row in rows] == [
        ('none', False),
        ('ce', False),
        ('multimix', False),
        ('dense_multimix', True),
    ]
    for row in rows:
        assert (row['top1'] is None) == (row['pretraining'] == 'none')
        assert 0 <= row['bbox_mAP'] <= row['bbox_mAP_50'] <= 1
        assert row['seconds'] > 0
    assert 'torch' in report['versions']
    assert text == (demo.root / 'report.md').read_text() and text.count('\n| ') == 5
    for name in ('map', 'curves', 'detections', 'embeddings'):
        assert min(Image.open(demo.root / f'{name}.png').size) > 200

    checkpoints = {path: path.stat().st_mtime_ns for path in demo.root.rglob('*.pth')}
    assert len(checkpoints) >= 10
    demo.run()
    assert {path: path.stat().st_mtime_ns for path in demo.root.rglob('*.pth')} == checkpoints

    # One step undone: it alone is repeated, and what was made from it.
    run = demo.pretrain_run('ce', 0)
    (run.work_dir / 'run.json').unlink()
    with Progress(1) as progress:
        demo.pretrain('ce', 0, progress)
        assert not demo.pretrain_run('multimix', 0).train(progress)
    assert demo.backbone('ce', 0).exists()
