import errno
import os
import resource
import stat

import pytest
import torch

from mmdet_multimix.checkpoints import publish_backbone
from mmdet_multimix.utils.files import remove_partial_files, whole_file, write_text
from mmdet_multimix.utils.one_line import one_line


def write(path, data, fails=False):
    with whole_file(path) as file:
        file.write(data)
        if fails:
            raise OSError('no space left')


def test_a_file_appears_whole_with_the_usual_rights(tmp_path):
    write(tmp_path / 'a', b'one')
    (tmp_path / 'b').write_bytes(b'')
    assert (tmp_path / 'a').read_bytes() == b'one'
    assert stat.S_IMODE(os.stat(tmp_path / 'a').st_mode) == stat.S_IMODE(os.stat(tmp_path / 'b').st_mode)
    write(tmp_path / 'a', b'two')
    assert (tmp_path / 'a').read_bytes() == b'two' and len(list(tmp_path.iterdir())) == 2


def test_where_writing_fails_all_is_as_it_was(tmp_path):
    write(tmp_path / 'a', b'one')
    with pytest.raises(OSError, match='no space'):
        write(tmp_path / 'a', b'two', fails=True)
    with pytest.raises(OSError, match='no space'):
        write(tmp_path / 'b', b'two', fails=True)
    assert [path.name for path in tmp_path.iterdir()] == ['a'] and (tmp_path / 'a').read_bytes() == b'one'


def test_a_link_of_its_name_is_replaced_and_not_followed(tmp_path):
    (tmp_path / 'other').write_bytes(b'mine')
    (tmp_path / 'a').symlink_to(tmp_path / 'other')
    write(tmp_path / 'a', b'one')
    assert (tmp_path / 'other').read_bytes() == b'mine' and not (tmp_path / 'a').is_symlink()


def test_a_link_where_the_partial_file_goes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('secrets.token_hex', lambda count: '0' * 8)
    (tmp_path / '.a.00000000.part').symlink_to(tmp_path / 'other')
    with pytest.raises(FileExistsError):
        write(tmp_path / 'a', b'one')
    assert not (tmp_path / 'other').exists()


@pytest.mark.parametrize('name', ['n' * 255, '猫' * 85, 'a' + 'é' * 127])
def test_names_may_be_as_long_as_the_file_system_takes_them(tmp_path, name):
    write(tmp_path / name, b'one')
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_missing_folders_are_made_and_text_is_utf_8(tmp_path):
    path = tmp_path / 'deep/er/report.txt'
    write_text(path, 'first')
    write_text(path, 'zweite, für 猫')
    assert path.read_bytes().decode() == 'zweite, für 猫'
    assert [p.name for p in path.parent.iterdir()] == ['report.txt']


def test_what_kills_have_left_is_removed_and_nothing_else(tmp_path):
    others = [
        '.epoch_1.pth.part',
        'epoch_1.pth.0123abcd.part',
        '.report.json.0123abcd.part',
        '.epoch_1.pth.xyz.part',
    ]
    for name in ('.epoch_1.pth.0123abcd.part', '.best_coco_epoch_2.pth.00000000.part', *others):
        (tmp_path / name).touch()
    remove_partial_files(tmp_path, '*.pth')
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_what_another_run_is_writing_is_not_removed(tmp_path):
    """One that somebody has started in the same work dir."""
    with whole_file(tmp_path / 'epoch_1.pth') as file:
        file.write(b'one')
        remove_partial_files(tmp_path, '*.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.pth']
    assert (tmp_path / 'epoch_1.pth').read_bytes() == b'one'


def test_what_a_kill_has_left_goes_though_it_may_only_be_read(tmp_path, monkeypatch):
    """It is of another user of a shared folder; to root all is allowed, so that the system's refusal is acted."""
    left = tmp_path / '.epoch_1.pth.0123abcd.part'
    left.touch(0o444)
    opened = os.open

    def checked(path, flags, *rest):
        if path == left and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, 'open', checked)
    remove_partial_files(tmp_path, '*.pth')
    assert not left.exists()


@pytest.fixture
def full_disk():
    """No file may have more than 2,000 bytes: of the errors of a full disk, one that needs no disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, full_disk):
    with (
        pytest.raises(SystemExit, match=f'^train: {tmp_path}/a: {os.strerror(errno.EFBIG)}'),
        one_line('train'),
    ):
        write(tmp_path / 'a', bytes(5000))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_backbone_that_was_there(tmp_path, request):
    source, target = tmp_path / 'source.pth', tmp_path / 'backbone.pth'
    torch.save({'state_dict': {'backbone.conv1.weight': torch.ones(5000)}}, source)
    target.write_bytes(b'before')
    request.getfixturevalue('full_disk')
    with pytest.raises(SystemExit, match=f'^publish: {target}: '), one_line('publish'):
        publish_backbone(source, target, force=True)
    assert target.read_bytes() == b'before' and len(list(tmp_path.iterdir())) == 2
