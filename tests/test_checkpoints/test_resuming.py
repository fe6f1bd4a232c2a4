"""What is said of a run that goes on other than its config has it."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmdet_multimix.checkpoints import check_resumable, find_latest

TEXT = """
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, betas=(0.9, 0.99)), clip_grad=dict(max_norm=1))
param_scheduler = [dict(type='LinearLR', end=2)]
train_cfg = dict(max_epochs=3)
"""


def notes_of(path, *, cfg=TEXT, saved=TEXT, epoch=2, running=1):
    """The notes on a checkpoint, by default from the end of the second epoch."""
    meta = dict(
        epoch=epoch, iter=10, seed=0, cfg=Config.fromstring(saved, '.py').pretty_text if saved else saved
    )
    hub = dict(runtime_info=dict(epoch=running, iter=9))
    parts = {key: {} for key in ('state_dict', 'optimizer')}
    torch.save(dict(meta=meta, message_hub=hub, param_schedulers=[], **parts), path)
    return check_resumable(str(path), Config.fromstring(cfg, '.py'))


@pytest.mark.parametrize(
    ('old', 'new', 'keys'),
    [
        ('lr=0.1', 'lr=0.2', ['optim_wrapper.optimizer']),
        (
            'clip_grad',
            'paramwise_cfg=dict(bypass_duplicate=True), clip_grad',
            ['optim_wrapper.paramwise_cfg'],
        ),
        ('end=2', 'end=3', ['param_scheduler']),
        ('(0.9, 0.99)', '[0.9, 0.99]', []),
        ('end=2', 'end=2.0', []),
        ('max_norm=1', 'max_norm=2', []),  # these two count
        ('max_epochs=3', 'max_epochs=4', []),
    ],
)
def test_settings_that_the_checkpoints_state_replaces_are_said(tmp_path, old, new, keys):
    notes = notes_of(tmp_path / 'epoch_2.pth', cfg=TEXT.replace(old, new))
    assert [note.split()[0] for note in notes] == keys
    assert all('does not count' in note and f'load_from={tmp_path}/epoch_2.pth' in note for note in notes)


def test_the_order_in_which_an_older_mmengine_wrote_the_settings_is_no_change(tmp_path):
    path = tmp_path / 'epoch_2.pth'
    notes_of(path)
    checkpoint = torch.load(path)
    checkpoint['meta']['cfg'] = TEXT  # as in the file; newer ones sort the keys
    torch.save(checkpoint, path)
    assert check_resumable(str(path), Config.fromstring(TEXT, '.py')) == []


@pytest.mark.parametrize(
    ('old', 'new', 'key'),
    [
        ("'SGD'", "'Adam'", 'optim_wrapper.optimizer'),
        ('LinearLR', 'ConstantLR', 'param_scheduler'),
        ('end=2)', "end=2), dict(type='MultiStepLR', milestones=[2])", 'param_scheduler'),
        ("[dict(type='LinearLR', end=2)]", 'None', 'param_scheduler'),
    ],
)
def test_a_schedule_or_optimizer_of_another_kind_counts_in_part(tmp_path, old, new, key):
    """mmengine gives each schedule the state of the one in its place, and leaves the others as they are."""
    (note,) = notes_of(tmp_path / 'epoch_2.pth', cfg=TEXT.replace(old, new))
    assert note.startswith(f'{key} is of another kind than') and 'does not count' not in note


@pytest.mark.parametrize('saved', [None, 7, '', 'import os\nx = (', b'\0'])
def test_a_checkpoint_that_does_not_say_its_settings_goes_on(tmp_path, saved):
    path = tmp_path / 'epoch_2.pth'
    notes_of(path)
    checkpoint = torch.load(path)
    checkpoint['meta']['cfg'] = saved
    torch.save(checkpoint, path)
    assert check_resumable(str(path), Config.fromstring(TEXT, '.py')) == []


def test_the_text_of_its_settings_is_not_executed(tmp_path):
    path, marker = tmp_path / 'epoch_2.pth', tmp_path / 'marker'
    notes_of(path)
    checkpoint = torch.load(path)
    checkpoint['meta']['cfg'] = f'open({str(marker)!r}, "w").close()\nparam_scheduler = None'
    torch.save(checkpoint, path)
    assert len(check_resumable(str(path), Config.fromstring(TEXT, '.py'))) == 1
    assert not marker.exists()


def test_an_epoch_that_begins_again_is_said(tmp_path):
    """From its middle, or of a run that counted iterations."""
    path = tmp_path / 'iter_10.pth'
    by_iteration = TEXT.replace('max_epochs=3', "type='IterBasedTrainLoop', max_iters=20")
    for saved in (TEXT, by_iteration):
        (note,) = notes_of(path, saved=saved, epoch=1, running=1)
        assert note.startswith(
            f'{path} is from iteration 10 and not from the end of an epoch: epoch 2 begins again'
        )
        assert notes_of(path, saved=saved, cfg=by_iteration, epoch=1, running=1) == []


def test_a_power_cut_may_leave_zeros_for_the_name(tmp_path):
    torch.save({'state_dict': {}, 'optimizer': {}}, tmp_path / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_bytes(bytes(40))
    assert find_latest(tmp_path).path == str(tmp_path / 'epoch_2.pth')


def test_a_copy_goes_on_from_its_own_checkpoint(tmp_path):
    first, copy = tmp_path / 'first', tmp_path / 'copy'
    for folder in (first, copy):
        folder.mkdir()
        torch.save({'state_dict': {}, 'optimizer': {}}, folder / 'epoch_2.pth')
        (folder / 'last_checkpoint').write_text(str(first / 'epoch_2.pth'))
        assert Path(find_latest(folder).path) == folder / 'epoch_2.pth'
    (copy / 'epoch_2.pth').unlink()  # a run may also keep its checkpoints elsewhere
    assert Path(find_latest(copy).path) == first / 'epoch_2.pth'
    (copy / 'epoch_2.pth').touch()  # of a run before that one did so
    (first / 'last_checkpoint').unlink()
    assert Path(find_latest(copy).path) == first / 'epoch_2.pth'
    (copy / 'last_checkpoint').write_text('s3://there/epoch_2.pth')
    assert find_latest(copy).path == 's3://there/epoch_2.pth'
