"""What MultiMixHook adds, refuses and leaves behind."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.registry import MODELS
from mmengine.logging import MessageHub
from mmengine.model import BaseModule
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from tiny_detectors import detector, losses_of, samples, tiny_model
from tolerances import assert_near
from torch import nn

from mmdet_multimix.engine import MultiMixHook
from mmdet_multimix.engine.hooks.multimix_hook import has_objects
from mmdet_multimix.models.detection.heads import MultiMixShared2FCBBoxHead
from mmdet_multimix.models.detection.mixable_heads import bbox_heads


def runner_of(model, *hooks, loop=EpochBasedTrainLoop):
    return SimpleNamespace(
        model=model,
        hooks=hooks,
        logger=logging.getLogger('mmengine'),
        train_loop=loop.__new__(loop),
        train_dataloader=[None] * 10,
        iter=0,
        epoch=0,
        cfg={},
        message_hub=MessageHub.get_instance('test_multimix_hook'),
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


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
        assert not {'loss', 'loss_by_feat', 'loss_by_feat_single'} & set(head.__dict__)
        assert not hasattr(head, 'multimix')
        assert not (getattr(head, 'loss_cls', None) or head)._forward_pre_hooks


def test_where_there_is_no_box_head_the_others_are_named():
    rpn = nn.Module()
    rpn.rpn_head = detector().rpn_head
    hook = MultiMixHook()
    with pytest.raises(ValueError, match='rpn_head: RPNHead with CrossEntropyLoss; no head of final classes'):
        hook.before_train(runner_of(rpn, hook))
    with pytest.raises(ValueError, match='no head with a loss_cls'):
        hook.before_train(runner_of(nn.Linear(1, 1), hook))


@pytest.mark.parametrize(
    ('given', 'shown'),
    [({}, 'ess=3'), ({'alpha': (0.5, 2.0)}, 'alpha=(0.5, 2.0)'), ({'ess': (2, 5)}, 'ess=(2, 5)')],
)
def test_what_is_mixed_and_what_is_not_is_logged(given, shown, caplog):
    model = MODELS.build(tiny_model('cascade_rcnn'))
    model.roi_head.bbox_head[2].loss_cls = MODELS.build(dict(type='GHMC', use_sigmoid=True))
    hook = MultiMixHook(n=20, **given)
    with caplog.at_level('INFO', logger='mmengine'):
        hook.before_train(runner_of(model, hook))
    lines = [record.message for record in caplog.records]
    assert [line for line in lines if line.startswith('MultiMix in roi_head.bbox_head.')] == lines[:2]
    assert f'softmax, all examples, n=20, {shown}, loss_weight=0.5' in lines[0]
    assert lines[2].startswith('no MultiMix in roi_head.bbox_head.2: Shared2FCBBoxHead')


class SilentHead(BaseModule):
    """Computes its classification loss by itself, unlike what its `loss_cls` lets one believe."""

    def __init__(self):
        super().__init__()
        self.loss_cls = MODELS.build(dict(type='FocalLoss'))

    def loss_by_feat(self, cls_scores, batch_gt_instances):
        return dict(loss_cls=[cls_scores.sum()])


def batch_of(*objects):
    return dict(data_samples=[sample['data_samples'] for sample in samples('retinanet', objects)])


@pytest.mark.parametrize('called', [True, False])
def test_a_head_that_never_calls_its_loss_is_found_at_the_first_objects(called):
    model = nn.Module()
    model.bbox_head = SilentHead()
    hook = MultiMixHook(force=True)
    runner = runner_of(model, hook)
    hook.before_train(runner)
    scores = torch.randn(2, 3, requires_grad=True)
    for _ in range(3):  # without objects there is nothing to tell
        assert model.bbox_head.loss_by_feat(scores, [])['loss_multimix'] == 0
        hook.after_train_iter(runner, 0, batch_of(0, 0))
    if called:
        model.bbox_head.loss_by_feat(scores, [])
    with pytest.raises(ValueError, match='bbox_head: SilentHead computes its losses without calling'):
        hook.after_train_iter(runner, 0, batch_of(0, 2))


def test_a_head_that_was_heard_once_may_be_silent_later():
    model = detector('faster_rcnn_fpn').train()
    hook = MultiMixHook(n=20)
    runner = runner_of(model, hook)
    hook.before_train(runner)
    losses_of(model)
    for _ in range(2):
        hook.after_train_iter(runner, 0, batch_of(3, 2))
        assert not hook._unheard


def test_objects_are_found_in_images_branches_and_videos():
    without, some = batch_of(0, 0), batch_of(0, 2)
    assert not has_objects(without) and has_objects(some)
    branches = dict(data_samples=[dict(sup=sample) for sample in some['data_samples']])
    assert has_objects(branches)
    from mmdet.structures import TrackDataSample

    video = TrackDataSample()
    video.video_data_samples = some['data_samples']
    assert has_objects(dict(data_samples=[video]))
    assert not has_objects(dict(inputs=torch.ones(2), data_samples=[object()])) and not has_objects(None)


def test_an_unknown_head_is_mixed_by_force_only_and_the_log_says_so(caplog):
    model = detector('retinanet')
    own = type('OwnHead', (type(model.bbox_head),), {'loss_by_feat': lambda *args, **kwargs: {}})
    model.bbox_head.__class__ = own
    hook = MultiMixHook(n=20)
    with pytest.raises(ValueError, match=r'OwnHead: .*a loss_by_feat of its own.*MultiMixHook\(force=True\)'):
        hook.before_train(runner_of(model, hook))
    hook = MultiMixHook(n=20, force=True)
    with caplog.at_level('INFO', logger='mmengine'):
        hook.before_train(runner_of(model, hook))
    assert 'nobody has tried MultiMix in bbox_head (OwnHead)' in caplog.text
    hook.after_train(runner_of(model, hook))
    assert not hasattr(model.bbox_head, 'multimix')


def test_settings_are_those_of_one_list():
    with pytest.raises(TypeError, match='amung'):
        MultiMixHook(amung='all')
    with pytest.raises(TypeError, match='clean_weight'):  # would replace the detector's own loss_cls
        MultiMixHook(clean_weight=1.0)
    with pytest.raises(ValueError, match='alpha'):
        MultiMixHook(alpha=-1)


@pytest.mark.parametrize('name', ['retinanet', 'ssd300', 'faster_rcnn_fpn', 'detr'])
@pytest.mark.parametrize('again', ['the same hook', 'another run'])
def test_a_run_that_was_interrupted_leaves_nothing_in_the_way_of_the_next(name, again):
    model = detector(name)
    model.train()
    first = MultiMixHook(n=20, ramp=4, by_epoch=False)
    runner = runner_of(model, first, loop=IterBasedTrainLoop)
    first.before_train(runner)
    runner.iter = 1
    first.before_train_iter(runner, 0)  # and here it ends, as by Ctrl-C or for want of memory
    second = first if again == 'the same hook' else MultiMixHook(n=20)
    runner = runner_of(model, second, loop=IterBasedTrainLoop)
    second.before_train(runner)
    runner.iter = 4
    second.before_train_iter(runner, 0)
    assert [mixer.head.multimix.loss_weight for mixer in second._mixers] == [0.5]
    assert any(key.endswith('loss_multimix') for key in losses_of(model, name))
    second.after_train(runner)
    assert not any(key.endswith('loss_multimix') for key in losses_of(model, name))


def test_two_hooks_of_one_run_do_not_take_each_others_place():
    model, hooks = detector('retinanet'), (MultiMixHook(n=20), MultiMixHook(n=20))
    runner = runner_of(model, *hooks)
    hooks[0].before_train(runner)
    with pytest.raises(ValueError, match='it mixes already'):
        hooks[1].before_train(runner)


class LouderBoxHead(Shared2FCBBoxHead):
    """Passes on what it does not need to know."""

    def loss(self, *args, **kwargs):
        losses = super().loss(*args, **kwargs)
        return {**losses, 'loss_cls': losses['loss_cls'] * 2}


class MixingBoxHead(MultiMixShared2FCBBoxHead):
    def loss(self, *args, **kwargs):
        return super().loss(*args, **kwargs)


@pytest.mark.parametrize('within_image', [False, True])
@pytest.mark.parametrize('kind', [LouderBoxHead, MixingBoxHead])
def test_a_box_head_that_passes_its_arguments_on_is_mixed(kind, within_image):
    cfg = tiny_model('faster_rcnn_fpn')
    cfg.roi_head.bbox_head.type = kind
    options = dict(n=20, within_image=within_image)
    if kind is MixingBoxHead:
        cfg.roi_head.bbox_head.multimix = options
    model = MODELS.build(cfg)
    if kind is LouderBoxHead:
        hook = MultiMixHook(force=True, **options)
        hook.before_train(runner_of(model, hook))
    model.train()
    assert losses_of(model)['loss_multimix'] > 0


@pytest.mark.parametrize('name', ['retinanet', 'ssd300', 'detr', 'yolox', 'faster_rcnn_fpn'])
def test_within_images_nothing_is_asked_of_a_loss_without_weight(name):
    model = detector(name)
    model.train()
    hook = MultiMixHook(n=20, within_image=True, ramp=4, by_epoch=False)
    runner = runner_of(model, hook, loop=IterBasedTrainLoop)
    hook.before_train(runner)
    found = []
    for runner.iter in (0, 4):
        hook.before_train_iter(runner, 0)
        losses = losses_of(model, name)
        found.append(sum(value.item() for key, value in losses.items() if key.endswith('loss_multimix')))
    assert found[0] == 0 < found[1]


@pytest.mark.parametrize('within_image', [False, True])
@pytest.mark.parametrize('name', ['retinanet', 'ssd300'])
def test_a_compiled_detector_mixes_as_any_other(name, within_image):
    options = dict(n=20, within_image=within_image)
    if name == 'ssd300':  # mixes by itself, without the hook
        cfg = tiny_model(name)
        cfg.bbox_head.update(type='MultiMixSSDHead', multimix=options)
        model = MODELS.build(cfg)
        model.init_weights()
    else:
        model, hook = detector(name), MultiMixHook(**options)
        hook.before_train(runner_of(model, hook))
    model.train()
    found = []
    for backend in (None, 'eager'):
        copied = copy.deepcopy(model)
        if backend:
            copied.loss = torch.compile(copied.loss, backend=backend)
        found.append(losses_of(copied, name)['loss_multimix'].detach())
    assert found[0] > 0 and copied.bbox_head.loss_by_feat.__self__.heard
    assert_near(found[1], found[0], torch.float32)
