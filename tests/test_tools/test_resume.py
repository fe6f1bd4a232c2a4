"""Trainings that go on after a kill, through the real command."""

import pytest
from cli import ROOT, tool

from experiments.scalars import read_scalars
from mmdet_multimix.checkpoints import find_latest

DIGITS = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
FEW = {'train_dataloader.dataset.per_class': (0, 10), 'val_dataloader.dataset.per_class': (0, 20)}


def keep_as_killed_before_validation(work_dir):
    """Takes the last validation out of the log, as a kill between checkpoint and validation leaves it."""
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    lines = log.read_text().splitlines()
    assert 'accuracy/top1' in lines.pop()
    log.write_text('\n'.join(lines) + '\n')


@pytest.mark.parametrize('epochs', [2, 3])
def test_a_validation_that_a_kill_left_out_is_made_up_for(tmp_path, epochs):
    """Killed after the checkpoint of epoch 2, the last one or one before it."""
    whole = {**FEW, 'train_cfg.max_epochs': epochs}
    tool('train.py', DIGITS, '--work-dir', tmp_path / 'whole', options=whole)
    expected = read_scalars(tmp_path / 'whole', 'accuracy/top1')
    assert [step for step, _ in expected] == list(range(1, epochs + 1))

    cfg = {**FEW, 'train_cfg.max_epochs': 2}
    tool('train.py', DIGITS, '--work-dir', tmp_path / 'killed', options=cfg)
    keep_as_killed_before_validation(tmp_path / 'killed')
    cfg['train_cfg.max_epochs'] = epochs
    tool('train.py', DIGITS, '--work-dir', tmp_path / 'killed', '--resume', options=cfg)
    assert read_scalars(tmp_path / 'killed', 'accuracy/top1') == expected


def test_a_run_goes_on_though_its_marker_names_a_checkpoint_that_is_gone(tmp_path):
    """As when the kill came while a checkpoint was written, the one before it deleted."""
    tool('train.py', DIGITS, '--work-dir', tmp_path, options={**FEW, 'train_cfg.max_epochs': 2})
    assert sorted(path.name for path in tmp_path.glob('epoch_*.pth')) == ['epoch_1.pth', 'epoch_2.pth']
    (tmp_path / 'epoch_2.pth').write_bytes((tmp_path / 'epoch_2.pth').read_bytes()[:5000])
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_9.pth'))
    assert find_latest(tmp_path).path == str(tmp_path / 'epoch_1.pth')
    said = tool(
        'train.py', DIGITS, '--work-dir', tmp_path, '--resume', options={**FEW, 'train_cfg.max_epochs': 3}
    )
    assert 'resumed epoch: 1' in said
    assert find_latest(tmp_path).path == str(tmp_path / 'epoch_3.pth')
    for path in tmp_path.glob('epoch_*.pth'):
        path.unlink()
    assert find_latest(tmp_path).path is None and find_latest(tmp_path / 'nowhere').path is None
