import pytest

from mmdet_multimix.utils.files import atomic_path, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / 'deep/er/report.txt'
    write_text(path, 'first')
    write_text(path, 'second')
    assert path.read_text() == 'second'
    assert [p.name for p in path.parent.iterdir()] == ['report.txt']


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'report.txt'
    write_text(path, 'first')
    with pytest.raises(RuntimeError), atomic_path(path) as partial:
        assert partial.name == path.name  # writers that look at the suffix find theirs
        partial.write_text('half')
        raise RuntimeError
    assert path.read_text() == 'first'
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_that_waits_is_not_followed(tmp_path):
    (tmp_path / 'other.txt').write_text('safe')
    path = tmp_path / 'report.txt'
    for name in ('report.txt', 'report.txt.part', 'report.part.txt'):
        (tmp_path / name).symlink_to(tmp_path / 'other.txt')
    write_text(path, 'mine')
    assert (tmp_path / 'other.txt').read_text() == 'safe'
    assert path.read_text() == 'mine' and not path.is_symlink()


def test_folders_are_written_whole_too(tmp_path):
    with atomic_path(tmp_path / 'set') as partial:
        partial.mkdir()
        (partial / 'a').write_text('a')
        assert not (tmp_path / 'set').exists()
    assert (tmp_path / 'set/a').read_text() == 'a'


def test_the_file_is_readable_as_any_other(tmp_path):
    write_text(tmp_path / 'ours', '')
    (tmp_path / 'plain').write_text('')
    assert (tmp_path / 'ours').stat().st_mode == (tmp_path / 'plain').stat().st_mode
