"""MultiMixHook in mmdet's own configs, unmodified but tiny, trained by the Runner."""

import copy

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.hooks import Hook
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import Runner
from tiny_detectors import FAMILIES, samples, tiny_model
from torch.utils.data import Dataset

from mmdet_multimix.checkpoints import read_checkpoint

KINDS = {
    **dict.fromkeys(FAMILIES, 'focal'),
    **dict.fromkeys(['detr', 'ssd300', 'mask_rcnn', 'cascade_rcnn'], 'softmax'),
    **dict.fromkeys([name for name in FAMILIES if name.startswith('faster')], 'softmax'),
    **dict.fromkeys(['gfl', 'rtmdet'], 'quality'),
    'yolox': 'sigmoid',
}
STAGES = {'cascade_rcnn': 3, 'sparse_rcnn': 2}


class Images(Dataset):
    """Two mini-batches of two images: with objects, and without any."""

    metainfo = dict(classes=())

    def __init__(self, name):
        self.samples = [*samples(name, (3, 0)), *samples(name, (0, 0))]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return copy.deepcopy(self.samples[index])


class Probe(Hook):
    """Looks at the model while it trains, after all other hooks."""

    priority = 'LOWEST'

    def __init__(self):
        self.losses = []

    def before_train(self, runner):
        """With MultiMix in: state dict, predictions and gradients."""
        model = runner.model
        stock = MODELS.build(self.cfg)
        stock.load_state_dict(model.state_dict(), strict=True)
        batch = [runner.train_dataloader.dataset[index] for index in (0, 1)]
        batch = dict(inputs=[x['inputs'] for x in batch], data_samples=[x['data_samples'] for x in batch])
        self.predictions = []
        for network in (model, revert_sync_batchnorm(stock)):
            network.eval()
            with torch.no_grad():
                self.predictions.append(network.test_step(copy.deepcopy(batch))[0].pred_instances)
        model.train()
        losses = model(**model.data_preprocessor(copy.deepcopy(batch), True), mode='loss')
        self.multimix = {key: value for key, value in losses.items() if key.endswith('loss_multimix')}
        sum(self.multimix.values()).backward()
        self.learns = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()]
        model.zero_grad()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append({key: value.item() for key, value in outputs.items()})


def train(name, tmp_path, hooks=(), **hook):
    """Two iterations; gives what the probe saw."""
    probe = Probe()
    probe.cfg = tiny_model(name)
    runner = Runner(
        model=revert_sync_batchnorm(MODELS.build(copy.deepcopy(probe.cfg))),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=Images(name),
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        custom_hooks=[dict(type='MultiMixHook', interval=1, **hook), *hooks, probe],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook') if hooks else None,
            logger=dict(type='LoggerHook', interval=1),
        ),
        default_scope='mmdet',
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=f'{name}_{tmp_path.name}',
    )
    runner.train()
    return probe


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Without the environment's report and a line for every parameter, which take longer than the training."""
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


@pytest.mark.parametrize('name', FAMILIES)
def test_family(name, tmp_path):
    probe = train(name, tmp_path, n=200, among='balanced')
    with_objects, without = probe.losses
    assert set(with_objects) == set(without)
    for losses in probe.losses:
        assert all(torch.isfinite(torch.tensor(value)) for value in losses.values()), losses
    keys = {key for key in with_objects if key.endswith('loss_multimix')}
    stages = STAGES.get(name)
    assert keys == ({f's{i}.loss_multimix' for i in range(stages)} if stages else {'loss_multimix'})
    assert all(with_objects[key] > 0 and without[key] == 0 for key in keys)

    ours, stock = probe.predictions
    for key in ('bboxes', 'scores', 'labels'):
        assert torch.equal(ours[key], stock[key]), key

    classifiers = ('cls', 'logits')  # how mmdet's heads name their last layers
    head = [name for name in probe.learns if 'bbox_head' in name and any(c in name for c in classifiers)]
    assert head, probe.learns
    never = [name for name in probe.learns if name.startswith('rpn_head.rpn') or 'mask_head' in name]
    assert not never, never


def test_averaged_weights_know_nothing_of_it(tmp_path):
    """EMAHook copies the model in before_run, and swaps the weights to save them."""
    probe = train('fcos', tmp_path, n=50, hooks=[dict(type='EMAHook', momentum=0.5)])
    checkpoint = read_checkpoint(tmp_path / 'epoch_1.pth')
    stock = MODELS.build(probe.cfg)
    stock.load_state_dict(checkpoint['state_dict'], strict=True)
    assert not any('multimix' in key for key in checkpoint['ema_state_dict'])
    averaged = {key.removeprefix('module.'): value for key, value in checkpoint['ema_state_dict'].items()}
    assert not torch.equal(averaged['bbox_head.conv_cls.weight'], stock.bbox_head.conv_cls.weight)
