"""MultiMix in heads of mmdet that stay as they are: which examples it finds, and what it leaves alone."""

import copy

import pytest
import torch
from mmdet.models.dense_heads import RetinaHead
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from tiny_detectors import detector, losses_of, mix, samples, tiny_model


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


@pytest.mark.parametrize('among', ['all', 'balanced'])
@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'retinanet', 'detr', 'ssd300'])
def test_the_detectors_own_losses_do_not_change(name, among):
    model = detector(name).eval()  # without dropout, and with batch norm's statistics at rest
    plain = losses_of(model, name)
    mix(model, n=20, among=among)
    mixed = losses_of(model, name)
    assert set(mixed) == set(plain) | {'loss_multimix'}
    _, plain = model.parse_losses(plain)
    _, mixed = model.parse_losses(mixed)
    for key in set(plain) - {'loss'}:
        assert torch.equal(plain[key], mixed[key]), key


@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'retinanet', 'rtmdet', 'detr', 'ssd300'])
@pytest.mark.parametrize('among', ['foreground', 'all'])
def test_one_class_one_image_one_object(name, among):
    cfg = tiny_model(name)
    (cfg.roi_head if 'roi_head' in cfg else cfg).bbox_head.num_classes = 1
    model = MODELS.build(cfg)
    model.init_weights()
    model.eval()  # batch norm takes no single value
    mix(model, n=20, among=among)
    (sample,) = samples(name, (1,))
    sample['data_samples'].gt_instances.labels *= 0
    losses = model(**model.data_preprocessor(pseudo_collate([sample]), True), mode='loss')
    assert losses['loss_multimix'] > 0
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()


def test_detr_mixes_the_queries_of_the_last_layer():
    model = detector('dino').train()  # denoising queries are there in training only
    (mixer,) = mix(model, n=20, among='all')
    seen = []
    mixer.head.multimix.losses = lambda *args: seen.append(args) or {'loss_multimix': args[0][0].sum() * 0}
    forward = model.bbox_head.forward
    outs = []
    model.bbox_head.forward = lambda *args: outs.append(forward(*args)) or outs[-1]
    losses_of(model, 'dino')
    (logits, labels, weights, scores, _), (classes, _) = seen[0], outs[0]
    assert len(logits) == 1 and scores is None
    last = classes[-1][:, -30:]  # after those for denoising
    assert torch.equal(logits[0], last.reshape(logits[0].shape))
    assert (labels[0] < 5).sum() == 5 and weights[0].min() == 1  # each object once


def test_ssd_mixes_what_has_a_label_and_a_weight():
    model = detector('ssd300').eval()
    mix(model, n=20, among='foreground')
    losses_of(model, 'ssd300')
    labels = model.bbox_head.multimix.mixed_labels
    assert len(labels) >= 5 and (labels < 5).all()  # an anchor or more for each object
    single = model.bbox_head.loss_by_feat_single
    unweighted = lambda *args, **kwargs: single(*args[:4], args[4] * 0, *args[5:], **kwargs)  # noqa: E731
    model.bbox_head.loss_by_feat_single = unweighted
    assert losses_of(model, 'ssd300')['loss_multimix'] == 0


def test_a_copy_mixes_by_itself():
    model = detector('retinanet').eval()
    mix(model, n=20)
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.data.mul_(1.1)
    ours, theirs = losses_of(model, 'retinanet'), losses_of(twin, 'retinanet')
    assert theirs['loss_multimix'] != ours['loss_multimix']
    theirs['loss_multimix'].backward()
    assert twin.bbox_head.retina_cls.weight.grad is not None
    assert all(p.grad is None for p in model.parameters())


class OwnLoss(RetinaHead):
    """Calls its loss in a way of its own."""

    def loss(self, x, batch_data_samples):
        objects, ignored, metas = unpack_gt_instances(batch_data_samples)
        scores, boxes = self(x)
        return self.called(scores, boxes, objects, metas, ignored)


class GivesMore(OwnLoss):
    def called(self, *args):
        return self.loss_by_feat(*args)[0]

    def loss_by_feat(self, *args):
        return super().loss_by_feat(*args), args[0]


class TakesNames(OwnLoss):
    def called(self, *args):
        return self.loss_by_feat(
            **dict(zip(RetinaHead.loss_by_feat.__code__.co_varnames[1:6], args, strict=True))
        )

    def loss_by_feat(self, **kwargs):
        return super().loss_by_feat(**kwargs)


class GivesNothing(OwnLoss):
    """Without an object."""

    def called(self, *args):
        return self.loss_by_feat(*args) or dict(loss_none=args[0][0].sum() * 0)

    def loss_by_feat(self, scores, boxes, objects, *args):
        return super().loss_by_feat(scores, boxes, objects, *args) if any(map(len, objects)) else {}


class GivesASum(OwnLoss):
    def called(self, *args):
        return dict(loss=self.loss_by_feat(*args))

    def loss_by_feat(self, *args):
        return sum(super().loss_by_feat(*args)['loss_cls'])


def of_kind(kind):
    cfg = tiny_model('retinanet')
    cfg.bbox_head.type = kind
    return MODELS.build(cfg).train()


@pytest.mark.parametrize('kind', [GivesMore, TakesNames, GivesNothing])
def test_a_head_may_take_and_give_its_losses_in_a_way_of_its_own(kind):
    torch.manual_seed(0)
    model = of_kind(kind)
    plain = losses_of(model, 'retinanet')
    mix(model, n=20, force=True)
    mixed = losses_of(model, 'retinanet')
    assert mixed.pop('loss_multimix') > 0 and set(mixed) == set(plain)
    without = losses_of(model, 'retinanet', (0, 0))
    assert set(without) == ({'loss_none'} if kind is GivesNothing else {*plain, 'loss_multimix'})


def test_a_head_that_gives_no_losses_by_name_is_told():
    model = of_kind(GivesASum)
    mix(model, n=20, force=True)
    with pytest.raises(RuntimeError, match=r'GivesASum.loss_by_feat must return a dict .* returns a Tensor'):
        losses_of(model, 'retinanet')


class GivesMaps(OwnLoss):
    """Of one level, so that rows of pixels might pass for rows of scores."""

    def called(self, *args):
        return self.loss_by_feat(*args)

    def loss_by_feat(self, scores, *args):
        return dict(loss_cls=self.loss_cls(scores[0], torch.zeros_like(scores[0])))


def test_a_head_that_gives_its_loss_maps_is_told():
    model = of_kind(GivesMaps)
    assert set(losses_of(model, 'retinanet')) == {'loss_cls'}
    mix(model, n=20, force=True)
    with pytest.raises(RuntimeError, match=r'GivesMaps gives its loss_cls logits \(2, 45, 12, 12\)'):
        losses_of(model, 'retinanet')
