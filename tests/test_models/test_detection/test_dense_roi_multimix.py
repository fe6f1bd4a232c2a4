import pytest
import torch
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from tiny_detectors import losses_of, samples, tiny_model
from tolerances import assert_near
from torch import nn

from mmdet_multimix.models import DenseMultiMix
from mmdet_multimix.models.detection import DenseRoIMultiMix

B, D, SIDE, C = 10, 6, 3, 4  # RoIs, channels, height and width, classes with the background


def rois():
    labels = torch.tensor([0, 1, 2, 0, 1, *[3] * 5])
    weights = torch.ones(B)
    weights[[1, 6]] = 0
    return torch.randn(B, D, SIDE, SIDE, requires_grad=True), labels, weights


def head(type_='DenseMultiMixBBoxHead', **kwargs):
    cfg = dict(type=type_, with_avg_pool=True, roi_feat_size=SIDE, in_channels=D, num_classes=C - 1)
    return MODELS.build({**cfg, **kwargs})


def head_losses(module, scores, deltas, labels, weights, **kwargs):
    b = len(labels)
    return module.loss(
        scores, deltas, torch.rand(b, 5), labels, weights, torch.rand(b, 4), torch.ones(b, 4), **kwargs
    )


@pytest.mark.parametrize(('among', 'kept'), [('all', [0, 2, 3, 4, 5, 7, 8, 9]), ('foreground', [0, 2, 3, 4])])
@pytest.mark.parametrize('attention', ['gap', 'cam'])
def test_the_chosen_rois_are_mixed_as_images_are(among, kept, attention):
    features, labels, weights = rois()
    fc = nn.Linear(D, C)
    module = DenseRoIMultiMix(n=20, among=among, loss_weight=0.7, attention=attention)
    module.generator = torch.Generator().manual_seed(1)
    loss = module.losses(features, labels, fc, weights)['loss_multimix']
    loss.backward()
    reference = DenseMultiMix(n=20, ess=3, loss_weight=0.7, attention=attention)
    reference.generator = torch.Generator().manual_seed(1)
    assert_near(loss, reference(features.detach()[kept], labels[kept], fc), torch.float32)
    assert (features.grad.flatten(1).abs().sum(1) > 0).nonzero().flatten().tolist() == kept
    assert module.mixed_labels.tolist() == labels[kept].tolist()


@pytest.mark.parametrize('loss_weight', [0.1, 0.0])
@pytest.mark.parametrize('weights', [torch.zeros(B), None])
def test_without_rois_the_loss_is_zero_and_differentiable(weights, loss_weight):
    features = torch.randn(0 if weights is None else B, D, SIDE, SIDE, requires_grad=True)
    module = DenseRoIMultiMix(among='all', loss_weight=loss_weight)
    labels = torch.full((len(features),), C - 1)
    loss = module.losses(features, labels, nn.Linear(D, C), weights)['loss_multimix']
    loss.backward()
    assert loss == 0 and (features.grad == 0).all()


def test_the_head_adds_the_term_to_the_losses_of_the_stock_head():
    features, labels, weights = rois()
    ours, stock = head(multimix=dict(n=20)), head('BBoxHead')
    stock.load_state_dict(ours.state_dict(), strict=True)
    scores, deltas = ours(features)
    for a, b in zip((scores, deltas), stock(features), strict=True):
        assert torch.equal(a, b)
    losses = head_losses(ours, scores, deltas, labels, weights)
    plain = head_losses(stock, scores, deltas, labels, weights)
    assert set(losses) == set(plain) | {'loss_multimix'}
    assert losses['loss_multimix'] > 0 and torch.equal(losses['loss_cls'], plain['loss_cls'])


@pytest.mark.parametrize('label', range(C))
def test_class_weights_are_those_of_the_plain_loss(label):
    weighted = dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0, 0.5, 0.1])
    module = head(loss_cls=weighted, multimix=dict(n=9, among='all', loss_weight=1.0))
    even = torch.randn(1, D, 1, 1).expand(1, D, SIDE, SIDE)  # every position has the logits of the mean
    losses = head_losses(module, *module(even), torch.tensor([label]), torch.ones(1))
    assert_near(losses['loss_multimix'], losses['loss_cls'], torch.float32)


def test_hard_example_mining_gets_the_plain_loss_of_every_roi():
    features, labels, weights = rois()
    module = head()
    losses = head_losses(module, *module(features), labels, weights, reduction_override='none')
    assert 'loss_multimix' not in losses and losses['loss_cls'].shape == (B,)


def test_logits_that_are_not_those_of_the_last_maps():
    features, labels, weights = rois()
    module = head()
    scores, deltas = module(features)
    with pytest.raises(RuntimeError, match='what forward returned'):
        head_losses(module, scores.clone(), deltas, labels, weights)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(with_avg_pool=False), 'with_avg_pool'),
        (dict(cls_predictor_cfg=dict(type='NormedLinear')), 'linear fc_cls'),
        (dict(loss_cls=dict(type='SeesawLoss', num_classes=C - 1)), 'linear fc_cls'),
        (dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True)), 'fc_cls|use_sigmoid'),
    ],
)
def test_the_head_refuses_what_is_not_a_linear_softmax_of_a_mean(kwargs, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs)


def test_a_c4_detector_trains_with_it():
    cfg = tiny_model('faster_rcnn_c4')
    cfg.roi_head.bbox_head.update(type='DenseMultiMixBBoxHead', multimix=dict(n=10))
    model = MODELS.build(cfg).train()
    keys = []
    for objects in ((2,), (0,)):
        data = model.data_preprocessor(pseudo_collate(list(samples('faster_rcnn_c4', objects))), True)
        losses = model(**data, mode='loss')
        keys.append(set(losses))
        assert (losses['loss_multimix'] > 0) == (objects == (2,))
    assert keys[0] == keys[1]
    model.parse_losses(losses)[0].backward()


def test_a_loss_in_eval_mode_has_the_plain_losses_and_a_zero():
    cfg = tiny_model('faster_rcnn_c4')
    cfg.roi_head.bbox_head.update(type='DenseMultiMixBBoxHead', multimix=dict(n=10))
    model = MODELS.build(cfg)
    model.eval()
    with torch.no_grad():
        losses = losses_of(model, 'faster_rcnn_c4')
    assert losses['loss_multimix'] == 0 and losses['loss_cls'] > 0
