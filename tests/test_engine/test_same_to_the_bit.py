"""With MultiMixHook a detector's own losses and draws are those of training without it, to the bit."""

import itertools

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from test_families import Images
from tiny_detectors import detector, tiny_model

RUNS = itertools.count()


class Seen(Hook):
    """Losses of each iteration, and where torch's generator was afterwards."""

    priority = 'LOWEST'

    def __init__(self):
        self.losses, self.states = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append({key: value.clone() for key, value in outputs.items()})
        self.states.append(torch.get_rng_state())


def train(name, folder, *hooks, epochs=2, lr=0.0, model=None, **kwargs):
    """Two iterations an epoch, by default without learning, so that all iterations can be compared."""
    torch.manual_seed(0)
    seen = Seen()
    runner = Runner(
        model=model or detector(name),
        work_dir=str(folder),
        train_dataloader=dict(
            dataset=Images(name),
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=lr)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        custom_hooks=[*hooks, seen],
        default_hooks=dict(logger=None, checkpoint=dict(type='CheckpointHook', interval=1)),
        default_scope='mmdet',
        randomness=dict(seed=0),
        log_level='ERROR',
        # Runs of one name in one second would share mmengine's message hub, and heads its iteration.
        experiment_name=f'{name}_{next(RUNS)}',
        **kwargs,
    )
    runner.train()
    return seen


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def few_rois(name):
    """A cascade whose second and third stage sample from fewer RoIs than they would like."""
    from mmdet.registry import MODELS
    from mmengine.model import revert_sync_batchnorm

    torch.manual_seed(0)
    cfg = tiny_model(name)
    if name == 'cascade_rcnn':
        cfg.train_cfg.rpn_proposal.max_per_img = 12
        for stage in cfg.train_cfg.rcnn:
            stage.sampler.num = 8
    model = MODELS.build(cfg)
    model.init_weights()
    return revert_sync_batchnorm(model)


@pytest.mark.parametrize('among', ['foreground', 'balanced'])
@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'faster_rcnn_ohem', 'cascade_rcnn', 'retinanet', 'detr'])
def test_own_losses_and_draws(name, among, tmp_path):
    hook = dict(type='MultiMixHook', n=20, among=among)
    plain = train(name, tmp_path / 'plain', model=few_rois(name))
    mixed = train(name, tmp_path / 'mixed', hook, model=few_rois(name))
    assert len(plain.losses) == len(mixed.losses) == 4
    for without, with_hook in zip(plain.losses, mixed.losses, strict=True):
        added = set(with_hook) - set(without)
        assert added and all(key.endswith('loss_multimix') for key in added)
        for key in set(without) - {'loss'}:
            assert torch.equal(without[key], with_hook[key]), key
    assert any(value > 0 for losses in mixed.losses for key, value in losses.items() if 'multimix' in key)
    for ours, theirs in zip(plain.states, mixed.states, strict=True):
        assert torch.equal(ours, theirs)


def test_the_draws_are_of_the_run_that_trains_not_of_the_one_built_last(tmp_path):
    from mmengine.logging import MessageHub

    hook = dict(type='MultiMixHook', n=20, among='balanced')
    first = train('retinanet', tmp_path / 'first', hook)

    class BuildsAnother(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            hub = MessageHub.get_instance(f'{runner.experiment_name}_{runner.iter}')
            hub.update_info('seed', 5)
            hub.update_info('iter', 7)

    second = train('retinanet', tmp_path / 'second', hook, BuildsAnother())
    ours, theirs = ([losses['loss_multimix'] for losses in run.losses] for run in (first, second))
    assert ours == theirs and any(loss > 0 for loss in ours)


@pytest.mark.parametrize('way', ['hook', 'head', 'loss', 'maps'])
def test_a_resumed_run_mixes_as_the_unbroken_one(way, tmp_path):
    """Also without a hook that seeds torch anew: RetinaNet and these RoI heads are followed by their draws."""
    from mmdet.registry import MODELS

    hooks, name = [dict(type='EpochSeedHook')], 'faster_rcnn_fpn'
    if way == 'hook':
        hooks, name = [], 'retinanet'  # which draws nothing itself
        hooks.append(dict(type='MultiMixHook', n=20, among='balanced', ess=(2, 4)))

    def model():
        cfg = tiny_model(name)
        if way == 'head':
            cfg.roi_head.bbox_head.update(
                type='MultiMixShared2FCBBoxHead', multimix=dict(n=20, among='balanced', ess=3)
            )
        elif way == 'loss':
            cfg.roi_head.bbox_head.loss_cls = dict(type='MultiMixLoss', n=20, among='balanced')
        elif way == 'maps':
            cfg.roi_head.update(type='DenseMultiMixRoIHead', dense_multimix=dict(n=20, among='balanced'))
        torch.manual_seed(0)
        built = MODELS.build(cfg)
        built.init_weights()
        return built

    whole = train(name, tmp_path / 'whole', *hooks, epochs=3, lr=0.01, model=model())
    checkpoint = str(tmp_path / 'whole/epoch_1.pth')
    torch.rand(3)
    kwargs = dict(load_from=checkpoint, resume=True, model=model())
    resumed = train(name, tmp_path / 'resumed', *hooks, epochs=3, lr=0.01, **kwargs)
    assert len(whole.losses) == 6 and len(resumed.losses) == 4
    for ours, theirs in zip(whole.losses[2:], resumed.losses, strict=True):
        assert set(ours) == set(theirs)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    mixed = [losses[key] for losses in resumed.losses for key in losses if 'multimix' in key]
    assert any(value > 0 for value in mixed)
    first = [losses[key] for losses in whole.losses[::2] for key in losses if 'multimix' in key]
    assert len({value.item() for value in first}) == len(first)  # each iteration draws anew
