import pytest
import torch

from mmdet_multimix.checkpoints.matching import find_prefixes, match_state_dict


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
