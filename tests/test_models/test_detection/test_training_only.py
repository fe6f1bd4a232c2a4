"""A layer beside the state dict: what a stock model loads, what a resumed one gets back."""

import copy

import pytest
import torch
from mmengine.runner.checkpoint import _load_checkpoint_to_model, load_state_dict, weights_to_cpu
from torch import nn

from mmdet_multimix.checkpoints import read_checkpoint
from mmdet_multimix.models.detection.training_only import TrainingOnlyLinear


def network(extra=True, classes=4):
    model = nn.Module()
    model.fc = nn.Linear(3, 2)
    model.head = nn.Module()
    if extra:
        model.head.dense_cls = TrainingOnlyLinear(3, classes)
        nn.init.normal_(model.head.dense_cls.weight)
        nn.init.normal_(model.head.dense_cls.bias)
    return model


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_it_is_a_layer_of_the_model_but_not_of_its_state():
    model = network()
    assert [name for name, _ in model.named_parameters()] == [
        'fc.weight',
        'fc.bias',
        'head.dense_cls.weight',
        'head.dense_cls.bias',
    ]
    assert list(model.state_dict()) == ['fc.weight', 'fc.bias']


def test_it_starts_from_zeros_without_a_draw():
    state = torch.get_rng_state()
    layer = TrainingOnlyLinear(3, 4)
    assert torch.equal(torch.get_rng_state(), state) and not any(p.any() for p in layer.parameters())
    for parameter in layer.parameters():  # new memory often holds zeros anyway
        nn.init.ones_(parameter)
    layer.reset_parameters()
    assert not any(p.any() for p in layer.parameters())


def test_a_model_without_memory_has_a_state_dict():
    with torch.device('meta'):
        model = network()
    assert list(model.state_dict()) == ['fc.weight', 'fc.bias']


@pytest.mark.parametrize('load', ['torch', 'mmengine', 'runner'])
def test_a_file_of_weights_only_brings_it_back(load, tmp_path):
    model, other, stock = network(), network(), network(extra=False)
    # As mmengine's Runner saves, and as this package reads: weights only.
    torch.save(dict(state_dict=weights_to_cpu(model.state_dict())), tmp_path / 'x.pth')
    state = read_checkpoint(tmp_path / 'x.pth')['state_dict']
    for target in (other, stock):
        if load == 'torch':
            target.load_state_dict(state, strict=True)
        elif load == 'mmengine':
            load_state_dict(target, state, strict=True)
        else:
            _load_checkpoint_to_model(target, dict(state_dict=state), strict=True)
    assert same(model, other) and same(model.fc, stock.fc)


def test_a_stock_state_leaves_it_as_it_is_and_misses_nothing():
    model, stock = network(), network(extra=False)
    before = copy.deepcopy(model.head)
    for state in (stock.state_dict(), dict(stock.state_dict())):  # the latter without metadata
        missing, unexpected = model.load_state_dict(state, strict=True)
        assert not missing and not unexpected
    assert same(model.head, before) and same(model.fc, stock.fc)


def test_another_number_of_classes_is_no_secret():
    with pytest.raises(RuntimeError, match=r'size mismatch for head\.dense_cls\.weight'):
        network(classes=9).load_state_dict(network().state_dict())


def test_copies_and_prefixes():
    model, other = network(), network()
    wrapped = nn.ModuleDict(dict(module=other))
    wrapped.load_state_dict(copy.deepcopy(nn.ModuleDict(dict(module=model)).state_dict()))
    assert same(model, other) and same(model, copy.deepcopy(model))
