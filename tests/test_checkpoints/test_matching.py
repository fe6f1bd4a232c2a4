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


def test_a_prefix_that_is_not_there_is_refused():
    """The student's weights are not those of a teacher that was asked for."""
    source = {f'student.{key}': value for key, value in target().items()}
    for prefix in ('teacher', 'ema.', 'backbone.'):
        with pytest.raises(
            ValueError, match=f"starts with prefix='{prefix.strip('.')}.'; they start with student"
        ):
            match_state_dict(source, target(), prefix)
    with pytest.raises(ValueError, match='they start with bn1, conv1, layer1'):
        match_state_dict(target(), target(), 'teacher')
    assert match_state_dict(target(), target(), 'backbone').coverage == 1  # a backbone alone
    wrapped = {f'module.backbone.{key}': value for key, value in target().items()}
    assert match_state_dict(wrapped, target(), 'backbone').prefix == 'module.backbone.'


@pytest.mark.parametrize(
    ('spoilt', 'reason'),
    [
        (torch.full((4, 4), torch.nan), '16 of 16 values are not finite'),
        (torch.eye(4, dtype=torch.complex64), 'torch.complex64, wanted torch.float32'),
        (torch.eye(4, dtype=torch.bool), 'torch.bool, wanted torch.float32'),
        (torch.eye(4).div(0), '16 of 16 values are not finite'),
        (torch.eye(4, dtype=torch.uint8), 'torch.uint8, wanted torch.float32'),
    ],
)
def test_weights_that_no_network_computes_with_are_not_found(spoilt, reason):
    matched = match_state_dict(dict(target(), **{'layer1.0.weight': spoilt}), target())
    assert matched.unusable == [f'layer1.0.weight: {reason}']
    assert matched.coverage == pytest.approx(2 / 3) and reason in matched.differences()


def test_half_precision_and_masks_are_no_fault():
    source = {key: value.half() for key, value in target().items()}
    assert match_state_dict(source, target()).coverage == 1
    mask = {'mask': torch.tensor([0.0, -torch.inf])}
    assert match_state_dict(mask, mask).coverage == 1


def test_a_bias_that_a_layer_does_without_is_not_another_architecture():
    source = dict(target(), **{'conv1.bias': torch.zeros(4), 'layer1.1.weight': torch.zeros(4, 4)})
    matched = match_state_dict(source, target())
    assert matched.foreign == ['layer1.1.weight'] and 'conv1.bias' in matched.unexpected
