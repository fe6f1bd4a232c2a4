"""Gradient checkpointing computes a loss twice: with the same tuples, or not at all."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.models.detection import DetectionMultiMix
from mmdet_multimix.ops import multimix_cross_entropy, sample_weights


def gradient(loss, z, reentrant):
    """The gradient of a loss for z, through a checkpoint if `reentrant` is not None."""
    torch.manual_seed(3)
    z = z.clone().requires_grad_()
    value = loss(z) if reentrant is None else checkpoint(loss, z, use_reentrant=reentrant)
    value.backward()
    return z.grad


def losses(generator=None, **options):
    """The loss of each way to mix, as a function of features."""
    torch.manual_seed(0)
    fc, labels = nn.Linear(4, 5), torch.arange(6) % 5
    flat, dense = (
        MultiMix(20, generator=generator, **options),
        DenseMultiMix(20, generator=generator, **options),
    )
    return {
        'multimix': lambda z: flat(fc(z.mean(dim=2)), labels),
        'dense': lambda z: dense(z, labels, fc),
        'function': lambda z: multimix_cross_entropy(fc(z.mean(dim=2)), labels, 20, generator=generator),
        'weights': lambda z: (sample_weights(20, 6, generator=generator) @ z.mean(dim=2)).square().sum(),
    }


@pytest.mark.parametrize('reentrant', [True, False])
@pytest.mark.parametrize('name', ['multimix', 'dense', 'function', 'weights'])
@pytest.mark.parametrize('gather', [False, True])
def test_the_global_generator_is_set_back(name, gather, reentrant):
    z = torch.randn(6, 4, 3)
    loss = losses(gather=gather)[name]
    assert torch.equal(gradient(loss, z, reentrant), gradient(loss, z, None))


@pytest.mark.parametrize('reentrant', [True, False])
@pytest.mark.parametrize('name', ['multimix', 'dense', 'function', 'weights'])
def test_a_generator_of_its_own_is_refused(name, reentrant):
    loss = losses(torch.Generator().manual_seed(1))[name]
    gradient(loss, torch.randn(6, 4, 3), None)
    with pytest.raises(ValueError, match='cannot be computed again by gradient checkpointing'):
        gradient(loss, torch.randn(6, 4, 3), reentrant)


@pytest.mark.parametrize('reentrant', [True, False])
def test_the_draws_of_detectors_are_refused(reentrant):
    """They are of each call, and the second would draw others."""
    module, labels = DetectionMultiMix(n=20, among='all'), torch.arange(6) % 4
    with pytest.raises(ValueError, match='cannot be computed again by gradient checkpointing'):
        gradient(
            lambda z: module.losses(z.mean(dim=2), labels)['loss_multimix'], torch.randn(6, 4, 3), reentrant
        )


def test_a_model_around_the_loss_may_be_checkpointed():
    z, net = torch.randn(6, 4, 3), nn.Conv1d(4, 4, 1)
    found = []
    for inner in (net, lambda x: checkpoint(net, x, use_reentrant=False)):
        loss = losses(torch.Generator().manual_seed(1))['dense']
        found.append(gradient(lambda x, inner=inner, loss=loss: loss(inner(x)), z, None))
    assert torch.equal(*found)
