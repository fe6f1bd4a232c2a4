import json
import os

import pytest
from cli import ROOT, tool

from experiments import Progress, Run, RunFailedError, last_scalar, read_scalars
from experiments.scalars import logged_seconds
from mmdet_multimix.checkpoints import latest_checkpoint


def write_scalars(work_dir, start, *entries):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(json.dumps(entry) for entry in entries))


def test_scalars_of_a_resumed_run_are_joined(tmp_path):
    write_scalars(tmp_path, '20260101_000000', {'step': 1, 'loss': 3.0}, {'step': 2, 'loss': 2.0})
    write_scalars(tmp_path, '20260101_000100', {'step': 2, 'loss': 2.5}, {'step': 3, 'loss': 1.0, 'acc': 9})
    assert read_scalars(tmp_path, 'loss') == [(1, 3.0), (2, 2.5), (3, 1.0)]
    assert last_scalar(tmp_path, 'acc') == 9


def test_a_line_cut_off_by_a_kill_is_passed_over(tmp_path):
    write_scalars(tmp_path, '20260101_000000', {'step': 1, 'loss': 3.0})
    with (tmp_path / '20260101_000000/vis_data/scalars.json').open('a') as file:
        file.write('\n{"step": 2, "lo')
    assert read_scalars(tmp_path, 'loss') == [(1, 3.0)]


def test_wall_time_is_that_of_the_logs_of_all_starts(tmp_path):
    for start, (begun, ended) in {'20260101_000000': (100, 130), '20260101_000100': (200, 212)}.items():
        write_scalars(tmp_path, start, {'step': 1, 'loss': 3.0})
        folder = tmp_path / start / 'vis_data'
        (folder / 'config.py').touch()
        os.utime(folder / 'config.py', (begun, begun))
        os.utime(folder / 'scalars.json', (ended, ended))
    assert logged_seconds(tmp_path) == 42


def test_a_scalar_that_was_never_logged_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'loss' was never logged"):
        last_scalar(tmp_path, 'loss')


DIGITS = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
FEW = {'train_dataloader.dataset.per_class': (0, 10), 'val_dataloader.dataset.per_class': (0, 20)}


def short_run(work_dir, **options):
    return Run(DIGITS, work_dir, {'train_cfg.max_epochs': 1, **options}, 'a classifier')


def test_a_finished_run_is_kept_and_a_changed_one_repeated(tmp_path, capsys):
    run = short_run(tmp_path / 'run')
    with Progress(2) as progress:
        assert run.train(progress)
        first = run.checkpoint.stat().st_mtime_ns
        assert not run.train(progress)
        assert run.checkpoint.stat().st_mtime_ns == first
        assert run.seconds >= logged_seconds(run.work_dir) > 0 and run.processes == [1]
        metrics = run.test()
        assert 0 <= metrics['accuracy/top1'] <= 100
        assert run.test() == metrics
        changed = short_run(tmp_path / 'run', **{'randomness.seed': 5}, **FEW)
        assert changed.train(progress)
        assert changed.checkpoint != run.checkpoint or changed.checkpoint.stat().st_mtime_ns != first
        kept = tmp_path / 'run.old1'
        assert (kept / run.checkpoint.name).stat().st_mtime_ns == first
        assert short_run(tmp_path / 'run', **{'randomness.seed': 6}, **FEW).train(progress)
    assert sorted(path.name for path in tmp_path.glob('run.old?')) == ['run.old1', 'run.old2']
    printed = capsys.readouterr().out
    assert '[1/2] train a classifier' in printed
    assert f'a classifier has changed: what it was is kept in {kept}' in printed


def keep_as_killed_before_validation(work_dir):
    """Takes the last validation out of the log, as a kill between checkpoint and validation leaves it."""
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    lines = log.read_text().splitlines()
    assert 'accuracy/top1' in lines.pop()
    log.write_text('\n'.join(lines) + '\n')


@pytest.mark.parametrize('epochs', [2, 3])
def test_a_validation_that_a_kill_left_out_is_made_up_for(tmp_path, epochs):
    """Killed after the checkpoint of epoch 2, the last one or one before it."""
    with Progress(1) as progress:
        whole = short_run(tmp_path / 'whole', **FEW, **{'train_cfg.max_epochs': epochs})
        whole.train(progress)
    expected = read_scalars(whole.work_dir, 'accuracy/top1')
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
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')
    said = tool(
        'train.py', DIGITS, '--work-dir', tmp_path, '--resume', options={**FEW, 'train_cfg.max_epochs': 3}
    )
    assert 'resumed epoch: 1' in said
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'epoch_3.pth')
    for path in tmp_path.glob('epoch_*.pth'):
        path.unlink()
    assert latest_checkpoint(tmp_path) is None and latest_checkpoint(tmp_path / 'nowhere') is None


def test_a_failed_run_shows_the_end_of_its_log(tmp_path):
    with Progress(1) as progress, pytest.raises(RunFailedError, match=r'nothing\.pth does not exist'):
        short_run(tmp_path / 'run', load_from='nothing.pth').train(progress)
