import json
import os

import pytest

from experiments.scalars import last_scalar, last_validation, logged_seconds, read_scalars


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


def test_a_validation_that_found_nothing_is_not_the_one_before(tmp_path):
    """Mmdet's COCO metric gives no figure where nothing is detected."""
    with pytest.raises(ValueError, match='no validation was logged'):
        last_validation(tmp_path)
    train, nothing = {'step': 2, 'loss': 3.0}, {'data_time': 0.1, 'time': 0.2}
    write_scalars(tmp_path, '20260101_000000', train, {'coco/bbox_mAP': 0.3, **nothing, 'step': 1})
    assert last_validation(tmp_path) == {'coco/bbox_mAP': 0.3}
    write_scalars(tmp_path, '20260101_000100', train, {**nothing, 'step': 2})
    assert last_validation(tmp_path) == {}
    write_scalars(tmp_path, '20260101_000200', {'coco/bbox_mAP': 0.2, **nothing, 'step': 2})
    assert last_validation(tmp_path) == {'coco/bbox_mAP': 0.2}
