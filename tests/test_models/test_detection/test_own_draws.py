"""Random numbers of our own: reproducible, distinct, and none of torch's."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from mmdet_multimix.models.detection import DenseRoIMultiMix, DetectionMultiMix, MixedForm, own_draws
from mmdet_multimix.models.detection.own_draws import OwnDraws

CPU = torch.device('cpu')
C = 4  # classes of objects


@pytest.fixture
def hub(monkeypatch):
    """What a Runner tells of itself."""
    hub = MessageHub('test_own_draws')
    monkeypatch.setattr(MessageHub, 'get_current_instance', classmethod(lambda cls: hub))
    hub.update_info('seed', 3)
    hub.update_info('iter', 0)
    return hub


def numbers(draws, shared=False):
    return [float(torch.rand(1, generator=g)) for g in draws.generators(CPU, shared=shared)]


def test_a_run_draws_by_seed_iteration_and_call(hub):
    draws, seen = OwnDraws(), {}
    for seed in (3, 4):
        for iteration in (0, 1, 2):
            hub.update_info('seed', seed)
            hub.update_info('iter', iteration)
            for call in (0, 1):
                seen[seed, iteration, call] = numbers(draws)[0]
    assert len(set(seen.values())) == len(seen) == 12
    # A run that is resumed at the second iteration, with a model just built.
    hub.update_info('seed', 3)
    hub.update_info('iter', 2)
    resumed = OwnDraws()
    torch.rand(5)  # wherever the global generator may be
    assert [numbers(resumed)[0] for _ in range(2)] == [seen[3, 2, 0], seen[3, 2, 1]]


def test_stages_of_a_cascade_and_ranks_draw_differently(hub, monkeypatch):
    stages = [numbers(OwnDraws(stream=stage))[0] for stage in range(3)]
    monkeypatch.setattr(own_draws, 'rank', lambda: 1)
    other = numbers(OwnDraws())[0]
    assert len({*stages, other}) == 4


def test_what_ranks_share_is_another_sequence_than_what_each_draws(hub, monkeypatch):
    alone, shared = numbers(OwnDraws(), shared=True)
    monkeypatch.setattr(own_draws, 'rank', lambda: 1)
    other, same = numbers(OwnDraws(), shared=True)
    assert shared == same and len({alone, other, shared}) == 3


def test_without_a_run_the_state_of_torch_stands_for_it_and_is_not_moved(monkeypatch):
    nothing = MessageHub('test_own_draws_without_a_run')  # another test of this process may have had a run
    monkeypatch.setattr(MessageHub, 'get_current_instance', classmethod(lambda cls: nothing))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = [numbers(OwnDraws())[0] for _ in range(2)]
    assert first[0] == first[1]  # two models, one seed
    draws = OwnDraws()
    assert len({numbers(draws)[0] for _ in range(4)}) == 4  # also where nothing else draws
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)
    assert numbers(OwnDraws())[0] != first[0]


@pytest.mark.parametrize('among', ['foreground', 'balanced', 'class_balanced', 'all'])
@pytest.mark.parametrize('kind', ['softmax', 'focal', 'dense', 'within'])
def test_mixing_leaves_the_global_generator_alone_and_repeats_itself(kind, among, hub):
    options = dict(n=20, among=among, max_examples=10)
    labels = torch.arange(40) % (C + 1)
    values = []
    for _ in range(2):
        torch.manual_seed(len(values))
        if kind == 'dense':
            module, fc = DenseRoIMultiMix(**options), nn.Linear(3, C + 1)
            nn.init.constant_(fc.weight, 0.1)
            nn.init.constant_(fc.bias, 0)
            fc.weight.data[0] = 1
            args = (torch.arange(480.0).sin().view(40, 3, 2, 2), labels, fc)
        else:
            form = MixedForm('focal' if kind == 'focal' else 'softmax')
            module = DetectionMultiMix(form=form, within_image=kind == 'within', **options)
            c = C if kind == 'focal' else C + 1
            args = (torch.arange(40.0 * c).sin().view(40, c), labels)
        state = torch.get_rng_state()
        origins = (torch.arange(40) % 3).float().unsqueeze(1)
        values.append(module.losses(*args, origins=origins)['loss_multimix'].item())
        assert torch.equal(torch.get_rng_state(), state)
    assert values[0] == values[1] > 0


def test_a_copy_goes_on_as_the_original(hub):
    module = DetectionMultiMix(n=20)
    logits, labels = torch.randn(9, C + 1), torch.arange(9) % C
    module.losses(logits, labels)
    twin = copy.deepcopy(module)
    assert torch.equal(*(m.losses(logits, labels)['loss_multimix'] for m in (module, twin)))
