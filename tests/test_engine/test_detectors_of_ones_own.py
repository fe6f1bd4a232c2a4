"""MultiMixHook in detectors that others write: which of their heads learn it, and what is said where none does."""

import copy
import logging

import pytest
import torch
from mmdet.models.dense_heads import RetinaHead
from mmdet.models.detectors import FasterRCNN, RetinaNet
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.registry import MODELS
from mmengine.hooks import Hook
from mmengine.registry import HOOKS as ENGINE_HOOKS
from mmengine.registry import Registry, init_default_scope
from mmengine.runner import Runner
from test_same_to_the_bit import train
from tiny_detectors import tiny_model
from torch import nn

HOOK = dict(type='MultiMixHook', n=20, interval=1)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


class Listening(Hook):
    """Takes down the warnings of a run."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.lines = []

    def before_train(self, runner):
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.lines.append(record.getMessage())
        runner.logger.setLevel('WARNING')
        runner.logger.addHandler(handler)


class WithCopy(RetinaNet):
    """Keeps averages of itself, which never compute a loss."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.momentum = nn.ModuleDict(dict(bbox_head=copy.deepcopy(self.bbox_head)))


class ByTurns(RetinaNet):
    """Has a head for each of two tasks, of which an iteration has one."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.bbox_head = nn.ModuleList([self.bbox_head, copy.deepcopy(self.bbox_head)])
        self.turn = 0

    def loss(self, batch_inputs, batch_data_samples):
        self.turn += 1
        head = self.bbox_head[self.turn % 2]
        return head.loss(self.extract_feat(batch_inputs), batch_data_samples)


class WithQueries(FasterRCNN):
    """Has another head of final classes beside its RoI head."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        cfg = tiny_model('retinanet')
        self.query_head = MODELS.build({**cfg.bbox_head, 'train_cfg': cfg.train_cfg, 'test_cfg': None})


class Choosy(RetinaNet):
    """Names the losses that it learns."""

    def loss(self, batch_inputs, batch_data_samples):
        losses = super().loss(batch_inputs, batch_data_samples)
        return dict(loss_cls=losses['loss_cls'], loss_bbox=losses['loss_bbox'])


class Renaming(RetinaNet):
    def loss(self, batch_inputs, batch_data_samples):
        losses = super().loss(batch_inputs, batch_data_samples)
        return {f'aux_{key}_3': value for key, value in losses.items()}


class Summing(RetinaNet):
    """Has a step of its own, which gives no losses to look at."""

    def train_step(self, data, optim_wrapper):
        losses = self._run_forward(self.data_preprocessor(data, True), mode='loss')
        optim_wrapper.update_params(self.parse_losses(losses)[0])
        return {}


class Warming(RetinaNet):
    """Learns boxes alone at first."""

    turn = 0

    def loss(self, batch_inputs, batch_data_samples):
        losses = super().loss(batch_inputs, batch_data_samples)
        self.turn += 1
        return losses if self.turn > 2 else dict(loss_bbox=losses['loss_bbox'])


class Gathering(RetinaNet):
    """Learns two mini-batches together, and logs their sum."""

    waiting = None

    def train_step(self, data, optim_wrapper):
        losses = self._run_forward(self.data_preprocessor(data, True), mode='loss')
        total = self.parse_losses(losses)[0]
        if self.waiting is None:
            self.waiting = total
        else:
            optim_wrapper.update_params(self.waiting + total)
            self.waiting = None
        return dict(loss=total.detach())


class ByItself(StandardRoIHead):
    """Computes the loss of its box head in its place."""

    def bbox_loss(self, x, sampling_results):
        rois = torch.cat(
            [nn.functional.pad(r.priors, (1, 0), value=i) for i, r in enumerate(sampling_results)]
        )
        results = self._bbox_forward(x, rois)
        labels, weights, *_ = self.bbox_head.get_targets(sampling_results, self.train_cfg)
        loss = self.bbox_head.loss_cls(results['cls_score'], labels, weights, avg_factor=len(rois))
        return dict(results, loss_bbox=dict(loss_cls=loss))


class Twice(nn.Sequential):
    """Wraps a loss."""

    def forward(self, *args, **kwargs):
        return 2 * self[0](*args, **kwargs)


class Past(RetinaHead):
    """Computes its loss without its ``loss_cls``."""

    def loss_by_feat(self, cls_scores, bbox_preds, batch_gt_instances, *args, **kwargs):
        return dict(loss_cls=sum(scores.square().mean() for scores in cls_scores))


class Replaces(Hook):
    """Puts something else in the place of the head or its loss, by default after the first epoch."""

    def __init__(self, what, epoch=1):
        self.what = what
        self.epoch = epoch

    def before_train_epoch(self, runner):
        head = runner.model.bbox_head
        if runner.epoch != self.epoch:
            return
        if self.what in ('head', 'Past'):
            runner.model.bbox_head = copy.deepcopy(head)
            runner.model.bbox_head.__class__ = Past if self.what == 'Past' else type(head)
        elif self.what == 'Twice':
            head.loss_cls = Twice(head.loss_cls)
        elif self.what == 'Compiled':
            runner.model.bbox_head = torch.compile(head, backend='eager')
        else:
            runner.model.bbox_head.loss_cls = MODELS.build(dict(type=self.what, use_sigmoid=True))


def build(kind, family='retinanet'):
    torch.manual_seed(0)
    cfg = tiny_model(family)
    (cfg if issubclass(kind, nn.Module) and kind is not ByItself else cfg.roi_head).type = kind
    model = MODELS.build(cfg)
    model.init_weights()
    return model


@pytest.mark.parametrize('kind', [WithCopy, ByTurns])
def test_a_head_that_is_not_asked_for_its_losses_stops_nothing(kind, tmp_path):
    heard = Listening()
    seen = train('retinanet', tmp_path, dict(HOOK, interval=4), heard, model=build(kind))
    assert len(seen.losses) == 4 and all('loss_multimix' in losses for losses in seen.losses)
    said = [line for line in heard.lines if 'nothing was mixed in' in line]
    assert [line.split(' (')[0] for line in said] == (
        ['nothing was mixed in momentum.bbox_head'] if kind is WithCopy else []
    )


def test_a_head_that_is_never_asked_is_not_in_the_means(tmp_path):
    from mmengine.logging import MessageHub

    found = []
    for kind in (RetinaNet, WithCopy):
        train('retinanet', tmp_path / kind.__name__, HOOK, model=build(kind))
        hub = MessageHub.get_current_instance()
        found.append(hub.get_scalar('train/multimix_examples').data[0].tolist())
    assert found[0] == found[1]


def test_a_detector_in_which_no_head_is_asked_is_stopped(tmp_path):
    with pytest.raises(ValueError, match='has asked no head for its losses, so that nothing'):
        train('faster_rcnn_fpn', tmp_path, dict(HOOK, interval=2), model=build(ByItself, 'faster_rcnn_fpn'))


def test_a_run_that_ends_early_says_it_too(tmp_path):
    heard = Listening()
    train('retinanet', tmp_path, dict(HOOK, interval=50), heard, model=build(WithCopy))
    said = 'nothing was mixed in momentum.bbox_head (RetinaHead), which was not asked for its losses'
    assert [line for line in heard.lines if line.startswith(said)] == [f'{said} in the first 4 iterations']


def test_a_detector_that_leaves_the_mixed_loss_out_is_stopped(tmp_path):
    with pytest.raises(ValueError, match='Choosy does not learn the loss_multimix of its bbox_head'):
        train('retinanet', tmp_path, dict(HOOK, interval=3), model=build(Choosy))
    heard = Listening()
    train('retinanet', tmp_path, dict(HOOK, interval=50), heard, model=build(Choosy))
    (line,) = [line for line in heard.lines if 'loss_multimix' in line]
    assert line.endswith('its bbox_head: it takes other losses of RetinaHead by name')


@pytest.mark.parametrize('kind', [Warming, Gathering])
def test_a_detector_may_learn_it_later(kind, tmp_path):
    heard = Listening()
    seen = train('retinanet', tmp_path, dict(HOOK, interval=4), heard, model=build(kind))
    assert len(seen.losses) == 4 and not [line for line in heard.lines if 'learn' in line]


@pytest.mark.parametrize('kind', [Renaming, Summing])
def test_a_detector_may_call_the_mixed_loss_what_it_likes(kind, tmp_path):
    plain = train('retinanet', tmp_path / 'plain', model=build(kind))
    mixed = train('retinanet', tmp_path / 'mixed', HOOK, model=build(kind))
    for without, with_hook in zip(plain.losses, mixed.losses, strict=True):
        assert all(torch.equal(with_hook[key], without[key]) for key in without if key != 'loss')


@pytest.mark.parametrize('what', ['head', 'FocalLoss'])
@pytest.mark.parametrize('hooks', [[HOOK], [HOOK, dict(type='MultiMixScheduleHook', ramp=4, by_epoch=False)]])
def test_what_a_hook_puts_in_the_place_of_a_head_or_a_loss_is_mixed(what, hooks, tmp_path):
    heard = Listening()
    hooks = [*hooks, heard, Replaces(what)]
    seen = train('retinanet', tmp_path, *hooks, model=build(RetinaNet))
    (line,) = [line for line in heard.lines if 'in the place of' in line]
    assert 'bbox_head: from iteration 3 on' in line
    mixed = [losses['loss_multimix'].item() for losses in seen.losses]
    assert len(mixed) == 4 and all(value > 0 for value in mixed[1:])
    same = train('retinanet', tmp_path, *hooks[:-1], model=build(RetinaNet))
    assert mixed[-1] == same.losses[-1]['loss_multimix'].item()


@pytest.mark.parametrize('what', ['Twice', 'Compiled'])
def test_a_head_or_a_loss_that_a_hook_wraps_is_mixed_as_before(what, tmp_path):
    heard = Listening()
    seen = train('retinanet', tmp_path, HOOK, heard, Replaces(what), model=build(RetinaNet))
    assert all(losses['loss_multimix'] > 0 for losses in seen.losses)
    assert not any('in the place of' in line for line in heard.lines)


@pytest.mark.parametrize('epoch', [0, 1])  # before and after something was mixed
def test_a_loss_that_cannot_be_mixed_in_the_place_of_another_ends_the_mixing_alone(epoch, tmp_path):
    heard = Listening()
    seen = train('retinanet', tmp_path, HOOK, heard, Replaces('GHMC', epoch), model=build(RetinaNet))
    assert any('GHMC, has no mixed counterpart' in line for line in heard.lines)
    assert ['loss_multimix' in losses for losses in seen.losses] == [epoch > 0] * 2 + [False] * 2
    assert not any('nothing was mixed in' in line for line in heard.lines)


def test_a_later_head_that_computes_its_loss_past_the_mechanism_ends_the_mixing_alone(tmp_path):
    heard = Listening()
    hook = dict(HOOK, force=True)
    seen = train('retinanet', tmp_path, hook, heard, Replaces('Past'), model=build(RetinaNet))
    assert any('found nothing to mix in bbox_head: Past' in line for line in heard.lines)
    assert len(seen.losses) == 4 and 'loss_multimix' not in seen.losses[-1]


def test_a_head_of_another_name_is_named(tmp_path):
    heard = Listening()
    train('faster_rcnn_fpn', tmp_path, HOOK, heard, model=build(WithQueries, 'faster_rcnn_fpn'))
    said = [line for line in heard.lines if line.startswith('no MultiMix in')]
    assert said == [
        'no MultiMix in query_head: RetinaHead with FocalLoss; no head of final classes (bbox_head)'
    ]


@pytest.mark.parametrize('name', ['MultiMixHook', 'mmdet.MultiMixHook'])
def test_a_package_with_a_scope_of_its_own_finds_the_hook(name):
    """As MMYOLO and MMRotate are, whose runs look for names there and in mmengine."""
    Registry('own hook', parent=ENGINE_HOOKS, scope='own')
    try:
        init_default_scope('own')
        assert type(ENGINE_HOOKS.build(dict(type=name, n=20))).__name__ == 'MultiMixHook'
    finally:
        del ENGINE_HOOKS.children['own']
        init_default_scope('mmdet')
    assert type(ENGINE_HOOKS.build(dict(type=name, n=20))).__name__ == 'MultiMixHook'
