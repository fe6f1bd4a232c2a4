import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmdet_multimix.checkpoints import read_checkpoint, state_dict_of


class Evil:
    def __reduce__(self):
        return print, ('executed',)


def test_state_dict_of_takes_the_container():
    inner = {'a': torch.ones(1), 'note': 'text'}
    for checkpoint in ({'state_dict': inner, 'meta': {}}, {'model': inner}, inner):
        assert list(state_dict_of(checkpoint)) == ['a']


def test_unsafe_files_are_refused_and_not_run(tmp_path, capsys):
    path = tmp_path / 'evil.pth'
    torch.save({'state_dict': {}, 'payload': Evil()}, path)
    with pytest.raises(ValueError, match='not loaded unsafely'):
        read_checkpoint(path)
    assert 'executed' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'no checkpoint', 'evil|damaged|cannot be read'),
        (b'', 'is empty'),
        (None, 'does not exist'),
    ],
)
def test_broken_files_are_named(tmp_path, content, message):
    path = tmp_path / 'broken.pth'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        read_checkpoint(path)
    assert str(path) in str(error.value)


def test_a_bare_tensor_and_an_address_are_refused(tmp_path):
    torch.save(torch.ones(2), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor'):
        read_checkpoint(tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='is an address'):
        read_checkpoint('https://example.org/r50.pth')


def test_a_training_checkpoint_with_its_log_history_is_read(tmp_path):
    from mmengine.logging import HistoryBuffer

    path = tmp_path / 'epoch_1.pth'
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save({'state_dict': {'a': torch.ones(1)}, 'message_hub': {'log_scalars': {'loss': history}}}, path)
    loaded = read_checkpoint(path)['message_hub']['log_scalars']['loss']
    assert loaded.mean() == 1.5


def test_getattr_in_a_checkpoint_reaches_nothing_else(tmp_path):
    class Probe:
        def __reduce__(self):
            return getattr, (torch.Tensor, 'backward')

    torch.save({'state_dict': {}, 'probe': Probe()}, tmp_path / 'probe.pth')
    with pytest.raises(ValueError, match='not loaded unsafely'):
        read_checkpoint(tmp_path / 'probe.pth')


def test_a_tilde_is_expanded_as_mmengine_does(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    torch.save({'a': torch.ones(1)}, tmp_path / 'a.pth')
    assert read_checkpoint('~/a.pth') == CheckpointLoader.load_checkpoint('~/a.pth')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_checkpoint('~/no.pth')
