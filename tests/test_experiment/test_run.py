import json

import pytest
from cli import ROOT

from mmdet_multimix.experiment import Progress, Run, RunFailedError, last_scalar, read_scalars


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


def test_a_scalar_that_was_never_logged_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="'loss' was never logged"):
        last_scalar(tmp_path, 'loss')


DIGITS = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'


def short_run(work_dir, **options):
    return Run(DIGITS, work_dir, {'train_cfg.max_epochs': 1, **options}, 'a classifier')


def test_a_finished_run_is_kept_and_a_changed_one_repeated(tmp_path, capsys):
    run = short_run(tmp_path / 'run')
    with Progress(2) as progress:
        assert run.train(progress)
        first = run.checkpoint.stat().st_mtime_ns
        assert not run.train(progress)
        assert run.checkpoint.stat().st_mtime_ns == first
        assert run.seconds > 0
        metrics = run.test()
        assert 0 <= metrics['accuracy/top1'] <= 100
        assert run.test() == metrics
        changed = short_run(tmp_path / 'run', **{'randomness.seed': 5})
        assert changed.train(progress)
        assert changed.checkpoint.stat().st_mtime_ns != first
    assert '[1/2] train a classifier' in capsys.readouterr().out


def test_a_failed_run_shows_the_end_of_its_log(tmp_path):
    with Progress(1) as progress, pytest.raises(RunFailedError, match=r'nothing\.pth does not exist'):
        short_run(tmp_path / 'run', load_from='nothing.pth').train(progress)
