import pytest
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS

from mmdet_multimix.models.classification.heads import DenseMultiMixHead, LinearClsHead, MultiMixHead

HEADS = ['LinearClsHead', 'MultiMixHead', 'DenseMultiMixHead']


def build(name, **kwargs):
    return MODELS.build({'type': name, 'num_classes': 5, 'in_channels': 6, **kwargs})


def batch(b=4, h=3, w=2):
    return torch.randn(b, 6, h, w, requires_grad=True), torch.arange(b) % 5


def test_heads_share_checkpoints_and_predictions():
    features, _ = batch()
    first = build(HEADS[0])
    for name in HEADS:
        head = build(name)
        assert set(head.state_dict()) == {'fc.weight', 'fc.bias'}
        head.load_state_dict(first.state_dict())
        assert torch.equal(head.predict(features), first.predict(features))


def test_prediction_pools_then_classifies():
    features, _ = batch()
    head = build('LinearClsHead')
    pooled = F.adaptive_avg_pool2d(features, 1).flatten(1)
    expected = (pooled @ head.fc.weight.T + head.fc.bias).softmax(1)
    torch.testing.assert_close(head.predict(features), expected)


def test_cross_entropy_and_accuracy_by_hand():
    features, _ = batch()
    head = build('LinearClsHead')
    scores = head.predict(features)
    labels = scores.argmax(1)
    labels[3] = (labels[3] + 1) % 5
    result = head.loss(features, labels)
    torch.testing.assert_close(result['loss_cls'], -scores[torch.arange(4), labels].log().mean())
    assert result['acc'].item() == 75.0


@pytest.mark.parametrize('name', HEADS)
@pytest.mark.parametrize('b', [1, 7])
def test_losses_are_finite_and_reach_features_and_classifier(name, b):
    features, labels = batch(b)
    head = build(name)
    result = head.loss(features, labels)
    total = sum(value for key, value in result.items() if 'loss' in key)
    total.backward()
    assert total.isfinite()
    for gradient in (features.grad, head.fc.weight.grad, head.fc.bias.grad):
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize('name', HEADS[1:])
def test_one_class_in_the_batch_makes_mixing_of_targets_vanish(name):
    """Mixed targets of one label are that label, so the gradient must raise its logit at every image."""
    features, labels = batch()[0], torch.full((4,), 2)
    head = build(name)
    sum(v for k, v in head.loss(features, labels).items() if 'loss' in k).backward()
    assert head.fc.bias.grad[2] < 0
    assert (head.fc.bias.grad[[0, 1, 3, 4]] > 0).all()


@pytest.mark.parametrize('name', HEADS[1:])
def test_settings_and_options_reach_the_module(name):
    paper, short = build(name), build(name, multimix={'setting': 'short', 'n': 17})
    features, labels = batch()
    assert 'loss_cls' not in paper.loss(features, labels)
    assert 'loss_cls' in short.loss(features, labels)
    assert short.multimix.n == 17
    with pytest.raises(ValueError, match='papre'):
        build(name, multimix={'setting': 'papre'})


def test_dense_loss_sees_where_a_feature_is():
    features, labels = batch()
    shuffled = features.detach().flatten(2)[:, :, torch.randperm(6)].clone()
    for b in range(4):
        shuffled[b] = shuffled[b][:, torch.randperm(6)]
    shuffled = shuffled.view_as(features)

    def loss(head, maps):
        torch.manual_seed(0)
        return head.loss(maps, labels)['loss_multimix'].item()

    plain = MultiMixHead(5, 6, multimix={'n': 50})
    dense = DenseMultiMixHead(5, 6, multimix={'n': 50})
    torch.nn.init.normal_(plain.fc.weight)
    dense.load_state_dict(plain.state_dict())
    assert loss(plain, features) == pytest.approx(loss(plain, shuffled), rel=1e-5)
    assert loss(dense, features) != pytest.approx(loss(dense, shuffled), rel=1e-5)


@pytest.mark.parametrize('name', HEADS)
def test_losses_of_half_precision_are_float32(name):
    features, labels = batch()
    with torch.autocast('cpu', torch.bfloat16):
        mixed = build(name).loss(features, labels)
    half = build(name).bfloat16().loss(features.bfloat16(), labels)
    assert {value.dtype for value in [*mixed.values(), *half.values()]} == {torch.float32}


def test_bad_arguments():
    with pytest.raises(ValueError, match='num_classes must be at least 2, got 1'):
        LinearClsHead(1, 6)
    with pytest.raises(ValueError, match='in_channels is 6, but the backbone gives 4'):
        LinearClsHead(2, 6)(torch.rand(1, 4, 2, 2))
