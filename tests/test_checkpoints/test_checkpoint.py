import pytest
import torch

from mmdet_multimix.checkpoints import match_state_dict, read_checkpoint, state_dict_of
from mmdet_multimix.checkpoints.checkpoint import find_prefixes


class Evil:
    def __reduce__(self):
        return print, ('executed',)


def target():
    return {
        'conv1.weight': torch.zeros(4, 3, 3, 3),
        'bn1.running_mean': torch.zeros(4),
        'bn1.num_batches_tracked': torch.tensor(0),
        'layer1.0.weight': torch.zeros(4, 4),
    }


@pytest.mark.parametrize('prefix', ['', 'backbone.', 'module.backbone.', 'encoder_q.'])
def test_every_name_is_found_under_any_prefix(prefix):
    source = {prefix + key: torch.ones_like(value) for key, value in target().items()}
    source['head.fc.weight'] = torch.ones(2, 4)
    matched = match_state_dict(source, target())
    assert matched.prefix == prefix
    assert matched.coverage == 1
    assert set(matched.state) == set(target())
    assert not matched.missing and not matched.misshapen and not matched.foreign


def test_missing_misshapen_and_foreign_names_are_told_apart():
    source = {
        'conv1.weight': torch.ones(4, 3, 7, 7),
        'bn1.running_mean': torch.ones(4),
        'layer1.1.weight': torch.ones(4, 4),
        'fc.weight': torch.ones(2, 4),
    }
    matched = match_state_dict(source, target())
    assert matched.missing == ['layer1.0.weight']
    assert matched.misshapen == ['conv1.weight: (4, 3, 7, 7), wanted (4, 3, 3, 3)']
    assert matched.foreign == ['layer1.1.weight']  # a deeper network
    assert 'fc.weight' in matched.unexpected and 'fc.weight' not in matched.foreign  # a classifier
    assert matched.coverage == pytest.approx(1 / 3)


def test_step_counters_do_not_count():
    source = {key: value for key, value in target().items() if 'tracked' not in key}
    assert match_state_dict(source, target()).coverage == 1


def test_two_equal_modules_must_be_told_apart():
    source = {p + key: value for p in ('student.', 'teacher.') for key, value in target().items()}
    with pytest.raises(ValueError, match=r"prefix=: \['student.', 'teacher.'\]"):
        match_state_dict(source, target())
    assert match_state_dict(source, target(), 'teacher').coverage == 1


def test_a_name_is_matched_whole():
    assert find_prefixes(['backbone.xconv1.weight'], ['conv1.weight']) == []


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
        (b'', 'damaged|cannot be read'),
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
