import warnings

import pytest
import torch
from torch import nn

from mmdet_multimix.checkpoints import MultiMixPretrained, load_whole
from mmdet_multimix.checkpoints.loading import check_some_fits


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.fixture
def saved(tmp_path):
    """Save what a function makes of a state dict, and give the path."""

    def save(edit=lambda state: state, **others):
        state = {key: torch.full_like(value, 3) for key, value in network().state_dict().items()}
        torch.save(dict(meta={}, state_dict=edit(state), **others), tmp_path / 'a.pth')
        return tmp_path / 'a.pth'

    return save


def without(*names):
    return lambda state: {key: value for key, value in state.items() if key not in names}


def with_value(name, value):
    return lambda state: dict(state, **{name: value})


def test_a_whole_checkpoint_is_loaded_with_the_wrapper_of_training_or_without(saved):
    for prefix in ('', 'module.'):
        model = network()
        load_whole(model, saved(lambda state, p=prefix: {p + key: value for key, value in state.items()}))
        assert all(bool((value == 3).all()) for value in model.state_dict().values())
    held = load_whole(network(), saved(without('1.num_batches_tracked'), optimizer={'lr': 3}))
    assert set(held) == {'meta', 'state_dict', 'optimizer'}


@pytest.mark.parametrize('name', ['0.weight', '1.running_mean', '1.running_var', '1.bias'])
def test_missing_parameters_and_statistics_are_named(saved, name):
    with pytest.raises(ValueError, match=f'is of another model: it lacks {name}'):
        load_whole(network(), saved(without(name)))


@pytest.mark.parametrize(
    'value', [torch.full((4,), torch.nan), torch.ones(4, dtype=torch.bool), torch.ones(4, dtype=torch.cfloat)]
)
@pytest.mark.parametrize('check', [load_whole, check_some_fits])
def test_weights_that_no_network_computes_with_are_named(saved, value, check):
    with pytest.raises(ValueError, match=r'cannot be used: 1\.running_var: '):
        check(network(), saved(with_value('1.running_var', value)))


def test_a_checkpoint_of_which_nothing_matches_says_what_it_holds(saved, tmp_path):
    path = saved(lambda state: {f'backbone.{key}': value for key, value in state.items()})
    for check in (load_whole, check_some_fits):
        with pytest.raises(ValueError, match=r'it has 7 tensors, backbone\.0\.weight, '):
            check(network(), path)
    for content, said in (
        ({'weights': {}, 'epoch': 3}, "it has no tensors, only the keys 'weights', 'epoch'"),
        ({'net': {'a': torch.ones(1)}, 'epoch': 3}, "Are the weights in 'net'[?]"),
        ({'state_dict': 3, 'meta': {}}, 'its state_dict is a int, not a dict'),
        ({}, 'it holds nothing'),
    ):
        torch.save(content, tmp_path / 'b.pth')
        with pytest.raises(ValueError, match=said):
            load_whole(network(), tmp_path / 'b.pth')
        with pytest.raises(ValueError, match=said):
            MultiMixPretrained(str(tmp_path / 'b.pth'))(network())


def test_a_part_that_fits_is_enough_to_start_from(saved):
    check_some_fits(network(), saved(without('0.weight', '1.bias')))
    with torch.device('meta'):
        model = network()
    check_some_fits(model, saved(with_value('0.weight', torch.zeros(9, 9))))


class Pair(nn.Module):
    """Reads the weights of one network into both, as ``SemiBaseDetector`` does."""

    def __init__(self):
        super().__init__()
        self.teacher, self.student = network(), network()

    def _load_from_state_dict(self, state_dict, *args):
        if not any('student' in key for key in state_dict):
            for key in list(state_dict):
                state_dict[f'student.{key}'] = state_dict[f'teacher.{key}'] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, *args)


def test_weights_that_a_model_reads_by_other_names_fit(saved):
    with torch.device('meta'):
        model = Pair()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check_some_fits(model, saved())
    with pytest.raises(ValueError, match='has nothing of this model'):
        check_some_fits(
            model, saved(lambda state: {f'student.0.{key}': value for key, value in state.items()})
        )
    with pytest.raises(ValueError, match=r'cannot be used: (student|teacher)\.1\.bias: '):
        check_some_fits(model, saved(with_value('1.bias', torch.full((4,), torch.nan))))
    model = Pair()
    load_whole(model, saved())
    assert all(bool((value == 3).all()) for value in model.state_dict().values())


def test_weights_of_a_run_with_ema_are_those_that_are_asked_for(saved):
    """EMAHook saves the trained weights under the names of the averaged model."""
    behind = {f'module.{name}': torch.full_like(value, 5) for name, value in network().state_dict().items()}
    path = saved(ema_state_dict={**behind, 'steps': torch.tensor(4)})
    for weights, value in ((None, 3), ('ema', 3), ('model', 5)):
        model = network()
        load_whole(model, path, weights)
        assert all(bool((found == value).all()) for found in model.state_dict().values())
    load_whole(model, saved(), 'model')
    assert bool((model[0].weight == 3).all())
    with pytest.raises(ValueError, match='holds no averaged weights'):
        load_whole(model, saved(), 'ema')
    with pytest.raises(ValueError, match='one of ema, model, got'):
        load_whole(model, path, 'average')
