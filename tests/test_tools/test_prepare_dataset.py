"""From photographs to a detector by the command line: prepare, take the printed lines, train."""

import re

import pytest
from cli import ROOT, call, tool
from photographs import flat_voc, yolo

from experiments.scalars import last_scalar, read_scalars

BASE = f"""
_base_ = [
    '{ROOT}/configs/_base_/models/faster_rcnn_tiny.py',
    'mmdet::_base_/datasets/coco_detection.py',
    'mmdet::_base_/schedules/schedule_1x.py',
    'mmdet::_base_/default_runtime.py',
]
"""
SHORT = {
    'train_cfg.max_epochs': 1,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'train_dataloader.dataset.pipeline.2.scale': '"(96,64)"',
    'default_hooks.logger.interval': 1,
}


@pytest.mark.parametrize('measured', [True, False])
def test_the_printed_lines_train(tmp_path, measured):
    """The lines as they are printed, below the _base_ of a detector for COCO."""
    flat_voc(tmp_path / 'my cards', 4)
    flags = ['--split', '0.5', '--seed', '3'] if measured else []
    said = tool('prepare_dataset.py', tmp_path / 'my cards', *flags)
    (lines,) = re.findall(r'^data_root = .*^#     dict\(head[^\n]*\n', said, re.DOTALL | re.MULTILINE)
    assert (tmp_path / 'my cards_coco/config.py').read_text().endswith('\n' + lines)
    (tmp_path / 'mine.py').write_text(BASE + lines)
    options = {key: value for key, value in SHORT.items() if measured or not key.startswith('val')}
    tool('train.py', tmp_path / 'mine.py', '--work-dir', tmp_path / 'run', options=options)
    losses = read_scalars(tmp_path / 'run', 'loss_cls')
    assert len(losses) == (1 if measured else 2) and all(value > 0 for _, value in losses)
    if measured:
        assert 0 <= last_scalar(tmp_path / 'run', 'coco/bbox_mAP') <= 1


def test_flags_and_refusals_are_one_line(tmp_path, monkeypatch, capsys):
    root = yolo(tmp_path / 'set')
    output = tmp_path / 'out'
    call(monkeypatch, 'prepare_dataset.py', root, '--output', output, '--format', 'yolo', '--classes', 'dog')
    said = capsys.readouterr().out
    assert "classes = ('dog',)" in said and f'{output}/train.jpg' in said
    assert re.search(r'left out: train: 2 of other classes \(cat 2\)', said)
    with pytest.raises(SystemExit) as error:
        call(monkeypatch, 'prepare_dataset.py', root, '--output', output)
    assert str(error.value) == (
        f'prepare_dataset: --output: {output} has files already; give --overwrite to replace them'
    )
    call(monkeypatch, 'prepare_dataset.py', root, '--output', output, '--overwrite')
    assert "classes = ('cat', 'dog')" in capsys.readouterr().out


@pytest.mark.parametrize(
    ('here', 'given', 'output'),
    [
        ('.', 'my/set', 'my/set_coco'),
        ('.', 'my/set//', 'my/set_coco'),
        ('my/set', '.', '../set_coco'),
        ('my/set', './', '../set_coco'),
        ('my/set/sub', '..', '../../set_coco'),
        ('my/set', 'sub/..', '../set_coco'),
        ('.', 'link/', 'link_coco'),
        ('.', '{root}/my/set/.', '{root}/my/set_coco'),
    ],
)
def test_the_output_is_beside_the_input_however_that_is_written(
    tmp_path, monkeypatch, capsys, here, given, output
):
    flat_voc(tmp_path / 'my/set', 1)
    (tmp_path / 'my/set/sub').mkdir()
    (tmp_path / 'link').symlink_to('my/set')
    monkeypatch.chdir(tmp_path / here)
    given, output = (text.format(root=tmp_path) for text in (given, output))
    call(monkeypatch, 'prepare_dataset.py', given)
    assert f"data_root = '{output}/'" in capsys.readouterr().out
    assert (tmp_path / here / output / 'train.json').is_file()
    assert not [path for path in (tmp_path / 'my/set').iterdir() if path.is_dir() and path.name != 'sub']
