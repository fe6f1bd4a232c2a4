"""What MultiMixHook takes, refuses, leaves behind and schedules."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import HOOKS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from tiny_detectors import samples, tiny_model
from torch import nn

from mmdet_multimix.engine import MultiMixHook, MultiMixScheduleHook
from mmdet_multimix.engine.hooks.schedule_hook import mixed_numbers
from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.detection import DetectionMultiMix
from mmdet_multimix.models.detection.head_mixer import HeadMixer
from mmdet_multimix.models.detection.loss_call import LossCall
from mmdet_multimix.models.detection.mixable_heads import bbox_heads


def runner_of(model, *hooks, loop=EpochBasedTrainLoop):
    return SimpleNamespace(
        model=model,
        hooks=hooks,
        logger=logging.getLogger('mmengine'),
        train_loop=loop.__new__(loop),
        train_dataloader=[None] * 10,
        iter=0,
        message_hub=MessageHub.get_instance('test_multimix_hook'),
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def detector(name='faster_rcnn_fpn'):
    model = MODELS.build(tiny_model(name))
    model.init_weights()
    return model


def losses_of(model, name='faster_rcnn_fpn', objects=(3, 2)):
    torch.manual_seed(0)
    data = model.data_preprocessor(pseudo_collate(list(samples(name, objects))), True)
    return model(**data, mode='loss')


@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'retinanet', 'ssd300', 'detr', 'cascade_rcnn'])
def test_afterwards_the_model_is_as_it_was(name):
    model = detector(name)
    model.train()
    before = {key: value.item() for key, value in model.parse_losses(losses_of(model, name))[1].items()}
    modules = [name for name, _ in model.named_modules()]
    hook = MultiMixHook(n=20)
    runner = runner_of(model, hook)
    hook.before_train(runner)
    model.train()
    mixed = losses_of(model, name)
    assert any(key.endswith('loss_multimix') for key in mixed)
    hook.after_train(runner)
    after = {key: value.item() for key, value in model.parse_losses(losses_of(model, name))[1].items()}
    assert after == before
    assert [name for name, _ in model.named_modules()] == modules
    for _, head in bbox_heads(model).items():
        assert not {'loss', 'loss_by_feat', 'loss_by_feat_single', 'multimix'} & set(head.__dict__)
        assert not (getattr(head, 'loss_cls', None) or head)._forward_hooks


@pytest.mark.parametrize('among', ['all', 'balanced'])
@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'retinanet', 'detr', 'ssd300'])
def test_the_detectors_own_losses_do_not_change(name, among):
    model = detector(name).eval()  # without dropout, and with batch norm's statistics at rest
    plain = losses_of(model, name)
    HeadMixer('bbox_head', next(iter(bbox_heads(model).values())), n=20, among=among)
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
    HeadMixer('bbox_head', next(iter(bbox_heads(model).values())), n=20, among=among)
    (sample,) = samples(name, (1,))
    sample['data_samples'].gt_instances.labels *= 0
    losses = model(**model.data_preprocessor(pseudo_collate([sample]), True), mode='loss')
    assert losses['loss_multimix'] > 0
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()


def test_detr_mixes_the_queries_of_the_last_layer():
    model = detector('dino').train()  # denoising queries are there in training only
    mixer = HeadMixer('bbox_head', model.bbox_head, n=20, among='all')
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
    HeadMixer('bbox_head', model.bbox_head, n=20)
    losses_of(model, 'ssd300')
    labels = model.bbox_head.multimix.mixed_labels
    assert len(labels) >= 5 and (labels < 5).all()  # an anchor or more for each object
    single = model.bbox_head.loss_by_feat_single
    unweighted = lambda *args, **kwargs: single(*args[:4], args[4] * 0, *args[5:], **kwargs)  # noqa: E731
    model.bbox_head.loss_by_feat_single = unweighted
    assert losses_of(model, 'ssd300')['loss_multimix'] == 0


def test_a_copy_mixes_by_itself():
    model = detector('retinanet').eval()
    HeadMixer('bbox_head', model.bbox_head, n=20)
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.data.mul_(1.1)
    ours, theirs = losses_of(model, 'retinanet'), losses_of(twin, 'retinanet')
    assert theirs['loss_multimix'] != ours['loss_multimix']
    theirs['loss_multimix'].backward()
    assert twin.bbox_head.retina_cls.weight.grad is not None
    assert all(p.grad is None for p in model.parameters())


REFUSED = {
    'VarifocalLoss': ('atss', dict(loss_cls=dict(type='VarifocalLoss')), 'ATSSHead: VarifocalLoss treats'),
    'probabilities': ('gfl', dict(loss_cls=dict(type='QualityFocalLoss', activated=True)), 'probabilities'),
    'GHMC': ('retinanet', dict(loss_cls=dict(type='GHMC', use_sigmoid=True)), 'GHMC, has no mixed'),
    'FreeAnchor': ('retinanet', dict(type='FreeAnchorRetinaHead'), 'none of them has a label'),
    'FSAF': ('retinanet', dict(type='FSAFHead'), 'it changes the labels'),
    'cosines': ('faster_rcnn_fpn', dict(cls_predictor_cfg=dict(type='NormedLinear')), 'cosines'),
    'objectness': ('rtmdet', dict(with_objectness=True), 'with_objectness'),
    'twice': ('faster_rcnn_fpn', dict(type='MultiMixShared2FCBBoxHead'), 'it mixes already'),
    'loss': ('faster_rcnn_fpn', dict(loss_cls=dict(_delete_=True, type='MultiMixLoss')), 'it mixes already'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_mixed_is_refused_with_the_reason(case):
    name, bbox_head, message = REFUSED[case]
    cfg = tiny_model(name)
    head = (cfg.roi_head if 'roi_head' in cfg else cfg).bbox_head
    for key, value in bbox_head.items():
        if isinstance(value, dict):
            value.pop('_delete_', None)
        head[key] = value
    model = MODELS.build(cfg)
    hook = MultiMixHook()
    with pytest.raises(ValueError, match=message) as error:
        hook.before_train(runner_of(model, hook))
    assert 'bbox_head' in str(error.value)


def test_rpns_are_refused_with_the_reason():
    model = nn.Module()
    model.bbox_head = detector().rpn_head  # that is what mmdet's RPN calls it
    hook = MultiMixHook()
    with pytest.raises(ValueError, match='bbox_head: RPNHead: it tells objects from background'):
        hook.before_train(runner_of(model, hook))


def test_yolof_is_refused_with_the_reason():
    cfg = Config.fromstring("_base_ = 'mmdet::yolof/yolof_r50-c5_8xb8-1x_coco.py'", '.py')
    model = nn.Module()
    model.bbox_head = MODELS.build(cfg.model.bbox_head)
    hook = MultiMixHook()
    with pytest.raises(ValueError, match='YOLOFHead: its scores join two branches'):
        hook.before_train(runner_of(model, hook))


def test_where_there_is_no_box_head_the_others_are_named():
    rpn = nn.Module()
    rpn.rpn_head = detector().rpn_head
    hook = MultiMixHook()
    with pytest.raises(ValueError, match='rpn_head: RPNHead with CrossEntropyLoss; no head of final classes'):
        hook.before_train(runner_of(rpn, hook))
    with pytest.raises(ValueError, match='no head with a loss_cls'):
        hook.before_train(runner_of(nn.Linear(1, 1), hook))


def test_what_is_mixed_and_what_is_not_is_logged(caplog):
    model = MODELS.build(tiny_model('cascade_rcnn'))
    model.roi_head.bbox_head[2].loss_cls = MODELS.build(dict(type='GHMC', use_sigmoid=True))
    hook = MultiMixHook(n=20)
    with caplog.at_level('INFO', logger='mmengine'):
        hook.before_train(runner_of(model, hook))
    lines = [record.message for record in caplog.records]
    assert [line for line in lines if line.startswith('MultiMix in roi_head.bbox_head.')] == lines[:2]
    assert 'softmax, foreground examples, n=20, loss_weight=0.1' in lines[0]
    assert lines[2].startswith('no MultiMix in roi_head.bbox_head.2: Shared2FCBBoxHead')


class SilentHead(BaseModule):
    """Computes its classification loss by itself, unlike what its `loss_cls` lets one believe."""

    def __init__(self):
        super().__init__()
        self.loss_cls = MODELS.build(dict(type='FocalLoss'))

    def loss_by_feat(self, cls_scores, batch_gt_instances):
        return dict(loss_cls=[cls_scores.sum()])


def test_a_head_that_never_calls_its_loss_is_found_out():
    head = SilentHead()
    HeadMixer('bbox_head', head)
    scores = torch.randn(2, 3, requires_grad=True)
    objects = [samples('retinanet', (2,)).__next__()['data_samples'].gt_instances]
    for _ in range(19):
        assert head.loss_by_feat(scores, objects)['loss_multimix'] == 0
        assert head.loss_by_feat(scores, [objects[0][:0]])['loss_multimix'] == 0
    with pytest.raises(RuntimeError, match='SilentHead computes its losses without calling its loss_cls'):
        head.loss_by_feat(scores, objects)


def test_shapes_of_calls():
    logits = torch.randn(2, 6, 3)
    call = LossCall.of(logits, torch.zeros(2, 6, 3), torch.ones(2, 6, 1))  # YOLOv3
    assert call.logits.shape == call.labels.shape == (12, 3) and call.weights.shape == (12,)
    weights = torch.tensor([[0.0, 0, 0], [0, 1, 0]])
    call = LossCall.of(logits[0, :2], torch.tensor([1, 2]), weights)  # weights by class
    assert call.weights.tolist() == [0, 1] and call.labels.shape == (2,)
    call = LossCall.of(logits[0, :0], (torch.zeros(0).long(), torch.zeros(0)), torch.zeros(0))
    assert len(call.logits) == len(call.labels) == len(call.weights) == len(call.scores) == 0


@pytest.mark.parametrize(
    ('arguments', 'factors'),
    [
        (dict(), {0: 1, 7: 1, 1000: 1}),
        (dict(ramp=2), {0: 0, 5: 0.25, 10: 0.5, 20: 1, 500: 1}),
        (dict(ramp=0.5, stop=3), {0: 0, 1: 0.2, 5: 1, 29: 1, 30: 0, 1000: 0}),
        (dict(stop=0.5), {0: 1, 4: 1, 5: 0}),
    ],
)
def test_the_factor_depends_on_the_iteration_alone(arguments, factors):
    hook = MultiMixScheduleHook(**arguments)
    for iteration, factor in factors.items():
        assert hook.factor(iteration, 10) == pytest.approx(factor), iteration


def test_the_schedule_acts_on_all_that_mixes_and_undoes_itself():
    model = nn.ModuleList([MultiMix(loss_weight=2.0), DetectionMultiMix(loss_weight=0.5)])
    hook = MultiMixScheduleHook(ramp=10, stop=20, by_epoch=False)
    runner = runner_of(model, hook, loop=IterBasedTrainLoop)
    hook.before_train(runner)
    for runner.iter, factor in ((5, 0.5), (12, 1.0), (25, 0.0), (3, 0.3)):
        hook.before_train_iter(runner, 0)
        assert [module.loss_weight for module in model] == pytest.approx([2 * factor, 0.5 * factor])
        weight = runner.message_hub.get_scalar('train/multimix_weight').current()
        assert weight == pytest.approx(1.25 * factor)
    hook.after_train(runner)
    assert [module.loss_weight for module in model] == [2.0, 0.5]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(ramp=-1), 'ramp'),
        (dict(ramp=2, stop=2), 'stop must come after the ramp'),
        (dict(interval=0), 'interval'),
    ],
)
def test_schedules_out_of_range(arguments, message):
    for kind in ('MultiMixScheduleHook', 'MultiMixHook'):
        with pytest.raises(ValueError, match=message):
            HOOKS.build(dict(type=kind, **arguments))


def test_epochs_of_a_run_that_counts_iterations():
    hook = MultiMixScheduleHook(ramp=1)
    with pytest.raises(ValueError, match='IterBasedTrainLoop counts iterations'):
        hook.before_train(runner_of(MultiMix(), hook, loop=IterBasedTrainLoop))


def test_a_schedule_of_nothing_and_two_schedules():
    hook = MultiMixScheduleHook()
    with pytest.raises(ValueError, match='nothing to schedule'):
        hook.before_train(runner_of(nn.Linear(1, 1), hook))
    with pytest.raises(ValueError, match='two hooks'):
        hook.before_train(runner_of(MultiMix(), hook, MultiMixHook()))


@pytest.mark.parametrize(
    ('alpha', 'examples', 'classes'),
    # Of b equal weights b examples; of one large one, one. Classes: 8 of 0, 2 of 1, 2 of the background.
    [(1e4, 12.0, 144 / 72), (1e-3, 1.0, 1.0)],
)
def test_effective_numbers_in_the_limits(alpha, examples, classes):
    module = DetectionMultiMix(alpha=alpha, among='all')
    labels = torch.tensor([0] * 8 + [1] * 2 + [3] * 2)
    module.losses(torch.randn(12, 4), labels)
    state = torch.get_rng_state()
    numbers = mixed_numbers(module)
    assert torch.equal(state, torch.get_rng_state())
    assert numbers['examples'] == 12
    assert float(numbers['examples_per_tuple']) == pytest.approx(examples, rel=0.02)
    assert float(numbers['classes_per_tuple']) == pytest.approx(classes, rel=0.02)


def test_numbers_of_nothing():
    module = DetectionMultiMix()
    assert set(mixed_numbers(module).values()) == {0.0}
    module.losses(torch.randn(3, 4), torch.full((3,), 3))
    assert set(mixed_numbers(module).values()) == {0.0}
