import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import nn
from torch.nn import functional as F

from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.detection import DetectionMultiMix

B, C = 12, 4  # RoIs, classes with the background


def rois():
    torch.manual_seed(1)
    labels = torch.tensor([0, 1, 2, 0, 1, *[3] * 7])
    weights = torch.ones(B)
    weights[[1, 6]] = 0
    return torch.randn(B, C, requires_grad=True), labels, weights


def head(type_='MultiMixShared2FCBBoxHead', **kwargs):
    cfg = dict(type=type_, in_channels=4, fc_out_channels=8, roi_feat_size=2, num_classes=C - 1, **kwargs)
    return MODELS.build(cfg)


def head_losses(module, logits, labels, weights, **kwargs):
    b = len(labels)
    boxes = torch.rand(b, 4)
    return module.loss(
        logits,
        torch.rand(b, 4 * (C - 1)),
        torch.rand(b, 5),
        labels,
        weights,
        boxes,
        torch.ones(b, 4),
        **kwargs,
    )


@pytest.mark.parametrize(
    ('among', 'kept'), [('all', [0, 2, 3, 4, 5, 7, 8, 9, 10, 11]), ('foreground', [0, 2, 3, 4])]
)
def test_the_chosen_rois_are_mixed_as_images_are(among, kept):
    logits, labels, weights = rois()
    module = DetectionMultiMix(n=50, among=among, loss_weight=0.7)
    module.generator = torch.Generator().manual_seed(0)
    loss = module.losses(logits, labels, weights)['loss_multimix']
    loss.backward()
    reference = MultiMix(n=50, ess=3, loss_weight=0.7, generator=torch.Generator().manual_seed(0))
    expected = reference(logits.detach()[kept], labels[kept])
    assert torch.allclose(loss, expected)
    touched = logits.grad.abs().sum(1) > 0
    assert touched.nonzero().flatten().tolist() == kept


@pytest.mark.parametrize('among', ['all', 'foreground'])
@pytest.mark.parametrize('weights', [torch.zeros(B), None])
def test_without_rois_the_loss_is_zero_and_differentiable(among, weights):
    logits = torch.randn(0 if weights is None else B, C, requires_grad=True)
    labels = torch.full((len(logits),), C - 1)
    loss = DetectionMultiMix(among=among).losses(logits, labels, weights)['loss_multimix']
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_one_roi_gives_its_own_cross_entropy():
    logits, labels, _ = rois()
    loss = DetectionMultiMix(loss_weight=1.0).losses(logits[:1], labels[:1])['loss_multimix']
    assert torch.allclose(loss, F.cross_entropy(logits[:1], labels[:1]))


def test_loss_and_head_agree():
    logits, labels, weights = rois()
    options = dict(n=40, loss_weight=0.5)
    by_head = head(multimix=options)
    by_loss = head('Shared2FCBBoxHead', loss_cls=dict(type='MultiMixLoss', **options))
    results = []
    for module in (by_head, by_loss):
        torch.manual_seed(3)
        results.append(head_losses(module, logits, labels, weights))
    assert set(results[0]) == set(results[1]) == {'loss_cls', 'loss_multimix', 'acc', 'loss_bbox'}
    for key in ('loss_cls', 'loss_multimix'):
        assert torch.allclose(results[0][key], results[1][key]), key
    plain = head_losses(head('Shared2FCBBoxHead'), logits, labels, weights)
    assert torch.allclose(results[0]['loss_cls'], plain['loss_cls'])


@pytest.mark.parametrize('kind', ['head', 'loss'])
@pytest.mark.parametrize('label', range(C))
def test_class_weights_are_those_of_the_plain_loss(kind, label):
    plain, options = dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0, 0.5, 0.1]), dict(among='all')
    options['loss_weight'] = 1.0
    if kind == 'head':
        module = head(loss_cls=plain, multimix=options)
    else:
        module = head('Shared2FCBBoxHead', loss_cls=dict(type='MultiMixLoss', loss_cls=plain, **options))
    losses = head_losses(module, torch.randn(1, C), torch.tensor([label]), torch.ones(1))
    assert torch.allclose(losses['loss_multimix'], losses['loss_cls'])


@pytest.mark.parametrize('kind', ['head', 'loss'])
def test_parameters_and_predictions_are_those_of_the_stock_head(kind):
    mixed = head() if kind == 'head' else head('Shared2FCBBoxHead', loss_cls=dict(type='MultiMixLoss'))
    stock = head('Shared2FCBBoxHead')
    stock.load_state_dict(mixed.state_dict(), strict=True)
    features = torch.randn(5, 4, 2, 2)
    for ours, theirs in zip(mixed(features), stock(features), strict=True):
        assert torch.equal(ours, theirs)
    test_cfg = ConfigDict(score_thr=0.0, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10)
    boxes = torch.tensor([[0, 0.0, 0, 9, 9], [0, 2.0, 2, 20, 20]])
    meta = [dict(img_shape=(32, 32), scale_factor=(1, 1))]
    outputs = []
    for module in (mixed, stock):
        scores, deltas = module(features[:2])
        outputs.append(module.predict_by_feat((boxes,), (scores,), (deltas,), meta, test_cfg)[0])
    assert isinstance(outputs[0], InstanceData)
    assert torch.equal(outputs[0].bboxes, outputs[1].bboxes) and torch.equal(
        outputs[0].scores, outputs[1].scores
    )


def test_hard_example_mining_gets_the_plain_loss_of_every_roi():
    logits, labels, weights = rois()
    plain = head_losses(head('Shared2FCBBoxHead'), logits, labels, weights, reduction_override='none')
    for module in (head(), head('Shared2FCBBoxHead', loss_cls=dict(type='MultiMixLoss'))):
        losses = head_losses(module, logits, labels, weights, reduction_override='none')
        assert torch.equal(losses['loss_cls'], plain['loss_cls'])
        assert 'loss_multimix' not in losses


def test_the_total_is_summed_by_mmengine():
    from mmengine.model import BaseModel

    logits, labels, weights = rois()
    losses = head_losses(head(), logits, labels, weights)
    total, logged = BaseModel.parse_losses(None, losses)
    assert torch.allclose(total, losses['loss_cls'] + losses['loss_multimix'] + losses['loss_bbox'])
    assert 'loss_multimix' in logged


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(cls_predictor_cfg=dict(type='NormedLinear')), 'linear fc_cls'),
        (dict(loss_cls=dict(type='SeesawLoss', num_classes=C - 1)), 'linear fc_cls'),
        (dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True)), 'use_sigmoid'),
        (dict(loss_cls=dict(type='CrossEntropyLoss', ignore_index=1)), 'BBoxHead: .*ignore_index'),
        (dict(loss_cls=dict(type='MultiMixLoss')), 'and so does its loss_cls'),
    ],
)
def test_the_head_refuses_what_is_not_linear_softmax(kwargs, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs)


@pytest.mark.parametrize(
    'loss_cls',
    [
        dict(type='CrossEntropyLoss', use_sigmoid=True),
        dict(type='FocalLoss'),
        dict(type='SeesawLoss', num_classes=3),
    ],
)
def test_the_loss_refuses_what_is_not_softmax(loss_cls):
    with pytest.raises(ValueError, match='softmax'):
        MODELS.build(dict(type='MultiMixLoss', loss_cls=loss_cls))


def test_the_loss_refuses_labels_to_ignore():
    with pytest.raises(ValueError, match=r'MultiMixLoss: .*ignore_index'):
        MODELS.build(dict(type='MultiMixLoss', loss_cls=dict(type='CrossEntropyLoss', ignore_index=1)))


def test_half_precision_logits_are_mixed_in_float32():
    logits, labels, _ = rois()
    with torch.autocast('cpu', torch.bfloat16):
        scores = nn.functional.linear(logits.detach(), torch.eye(C))
        assert scores.dtype == torch.bfloat16
        loss = DetectionMultiMix().losses(scores, labels)['loss_multimix']
    assert loss.dtype == torch.float32
