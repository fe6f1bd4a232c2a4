"""Runs that are killed at a bad moment go on, and end where an unbroken one does, to the bit."""

import shutil
import signal

import pytest
import torch
from cli import ROOT
from forked import forked
from killer import VARIABLE

from mmdet_multimix.checkpoints import read_checkpoint

DETECTOR = """
_base_ = '{root}/configs/detection/faster_rcnn_tiny_digits.py'
custom_imports = dict(imports=['mmdet_multimix', 'killer'], allow_failed_imports=False)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomResize', scale=(96, 96), ratio_range=(0.5, 1.0), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
train_cfg = dict(max_iters=6, val_interval=3)
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=6)]
model = dict(test_cfg=dict(rcnn=dict(score_thr=0.0)))
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2, max_keep_ckpts=2))
custom_hooks = [
    dict(type='CheckInvalidLossHook', interval=1),
    dict(type='IterSeedHook'),
    dict(type='MultiMixHook', n=50, loss_weight=0.3, ramp=4, by_epoch=False),
    dict(type='MultiMixVisualizationHook', interval=2),
    dict(type='EMAHook', momentum=0.1),
    dict(type='KillHook'),
]
"""
BY_EPOCH = """
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
train_dataloader['sampler'] = dict(_delete_=True, type='DefaultSampler', shuffle=True)
default_hooks['checkpoint'].update(by_epoch=True, interval=1)
log_processor = dict(by_epoch=True)
custom_hooks[1] = dict(type='EpochSeedHook')
custom_hooks[2] = dict(type='MultiMixHook', n=50, loss_weight=0.3, ramp=2)
"""
CLASSIFIER = """
_base_ = '{root}/configs/pretrain/resnet_tiny_digits_{method}.py'
custom_imports = dict(imports=['mmdet_multimix', 'killer'], allow_failed_imports=False)
train_dataloader = dict(batch_size=20, dataset=dict(per_class=(0, 10), transforms=[
    dict(type='Resize', size=(64, 64)), dict(type='RandomHorizontalFlip'), dict(type='RandomCrop', size=64, padding=4)
]))
val_dataloader = dict(dataset=dict(per_class=(0, 5)))
train_cfg = dict(max_epochs=3)
custom_hooks = [
    dict(type='CheckClassesHook'),
    dict(type='EpochSeedHook'),
    dict(type='CheckInvalidLossHook', interval=1),
    dict(type='MultiMixScheduleHook', ramp=2, interval=1),
    dict(type='MultiMixVisualizationHook', interval=2),
    dict(type='KillHook'),
]
"""
WORKERS = """
train_dataloader.update(num_workers=2, persistent_workers=True)
"""


@pytest.fixture(scope='session')
def options(digits_options):
    left_out = ('train_dataloader.batch_size', 'default_hooks.logger.interval')
    return {key: value for key, value in digits_options.items() if key not in left_out}


def train(config, work_dir, options, *arguments, kill=None):
    work_dir.mkdir(exist_ok=True)
    env = {VARIABLE: kill} if kill else {}
    code, said = forked(
        'train.py',
        config,
        '--work-dir',
        work_dir,
        *arguments,
        options=options,
        env=env,
        log=work_dir / 'said',
    )
    assert code == (-signal.SIGKILL if kill else 0), said[-6000:]
    return said


def assert_same(ours, theirs, where=''):
    """Everything in a checkpoint, to the bit."""
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            assert_same(ours[key], theirs[key], f'{where}.{key}')
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), where
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f'{where}[{index}]')
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), where
    else:
        assert ours == theirs, where


def last(work_dir):
    checkpoint = read_checkpoint((work_dir / 'last_checkpoint').read_text())
    return {
        key: checkpoint[key]
        for key in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
        if key in checkpoint
    }


def resumed_equals_unbroken(text, tmp_path, options, kill):
    config = tmp_path / 'config.py'
    config.write_text(text)
    train(config, tmp_path / 'unbroken', options)
    train(config, tmp_path / 'killed', options, kill=kill)
    said = train(config, tmp_path / 'killed', options, '--resume')
    assert 'resumed epoch' in said and said.count('--resume: ') == 1  # nothing is noted of it
    assert_same(last(tmp_path / 'killed'), last(tmp_path / 'unbroken'))
    return said


@pytest.mark.parametrize('workers', [False, True], ids=['no workers', 'persistent workers'])
@pytest.mark.parametrize('by_epoch', [False, True], ids=['iterations', 'epochs'])
def test_a_detector_ends_the_same(by_epoch, workers, options, tmp_path):
    text = DETECTOR.format(root=ROOT) + (BY_EPOCH if by_epoch else '') + (WORKERS if workers else '')
    resumed_equals_unbroken(text, tmp_path, options, 'iter:6' if by_epoch else 'iter:4')


@pytest.mark.parametrize(('method', 'workers'), [('multimix', False), ('dense_multimix', True)])
def test_a_classifier_ends_the_same(method, workers, tmp_path):
    text = CLASSIFIER.format(root=ROOT, method=method) + (WORKERS if workers else '')
    resumed_equals_unbroken(text, tmp_path, {}, 'iter:12')


def test_a_run_without_a_seed_goes_on_with_the_one_it_drew(tmp_path):
    """Which decides the order of the images, too."""
    text = CLASSIFIER.format(root=ROOT, method='ce').replace(
        "    dict(type='MultiMixS", "    # dict(type='MultiMixS"
    )
    text = text.replace("    dict(type='MultiMixV", "    # dict(type='MultiMixV")
    (tmp_path / 'config.py').write_text(f'{text}randomness = dict(seed=None)')
    train(tmp_path / 'config.py', tmp_path / 'killed', {}, kill='iter:8')
    train(tmp_path / 'config.py', tmp_path / 'killed', {}, '--resume')
    done = read_checkpoint(tmp_path / 'killed/epoch_3.pth')
    (tmp_path / 'config.py').write_text(f'{text}randomness = dict(seed={done["meta"]["seed"]})')
    train(tmp_path / 'config.py', tmp_path / 'unbroken', {})
    assert_same(last(tmp_path / 'killed'), last(tmp_path / 'unbroken'))


WRITES = """
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1, save_best='accuracy/top1', rule='greater'))
"""


@pytest.mark.parametrize('kill', ['write:1', 'write:2', 'replace:3', 'marker:3', 'marker:1'])
def test_a_kill_at_a_write_loses_no_more_than_that_write(kill, tmp_path):
    """The first write is of the first epoch, the second of the best one, the third of the first once more."""
    config = tmp_path / 'config.py'
    config.write_text(CLASSIFIER.format(root=ROOT, method='multimix') + WRITES)
    run = tmp_path / 'run'
    train(config, run, {}, kill=kill)
    for path in run.glob('*.pth'):
        read_checkpoint(path)
    said = train(config, run, {}, '--resume')
    assert ('starting from the beginning' if kill == 'write:1' else 'resumed epoch: 1') in said
    assert sorted(path.name for path in run.glob('epoch_*.pth')) == ['epoch_3.pth']
    assert len(list(run.glob('best_*.pth'))) == 1 and not list(run.glob('.*.part'))


def test_a_run_that_goes_on_elsewhere_takes_nothing_from_the_first(tmp_path):
    """Resumed in another work dir, or in a copy: neither by its marker nor as a best file that is outdated."""
    config = tmp_path / 'config.py'
    better = "default_hooks = dict(checkpoint=dict(max_keep_ckpts=1, save_best='accuracy/top1', rule='less'))"
    config.write_text(CLASSIFIER.format(root=ROOT, method='multimix') + better)
    first, other, copy = (tmp_path / name for name in ('first', 'other', 'copy'))
    train(config, first, {'train_cfg.max_epochs': 1})
    checkpoint = read_checkpoint(first / 'epoch_1.pth')
    checkpoint['message_hub']['runtime_info']['best_score'] = 101  # whatever comes next is better
    torch.save(checkpoint, first / 'epoch_1.pth')
    shutil.copytree(first, copy)
    kept = {path.name: path.read_bytes() for path in first.glob('*.pth')}
    assert sorted(kept) == ['best_accuracy_top1_epoch_1.pth', 'epoch_1.pth']
    train(config, other, {}, '--resume', first / 'epoch_1.pth')
    said = train(config, copy, {}, '--resume')
    assert f'going on from {copy}/epoch_1.pth' in said
    assert {path.name: path.read_bytes() for path in first.glob('*.pth')} == kept
    for run in (other, copy):  # of a copy the outdated best file is its own
        best, newest = sorted(path.name for path in run.glob('*.pth'))
        assert best.startswith('best_') and best not in kept and newest == 'epoch_3.pth'
    assert_same(last(copy), last(other))


def test_half_a_checkpoint_is_passed_over(tmp_path):
    """One that a release before this one, or mmengine's own tools, have left."""
    config = tmp_path / 'config.py'
    keep = WRITES.replace('max_keep_ckpts=1', 'max_keep_ckpts=3')
    config.write_text(CLASSIFIER.format(root=ROOT, method='multimix') + keep)
    run = tmp_path / 'run'
    train(config, run, {}, kill='iter:12')
    newest = run / 'epoch_2.pth'
    newest.write_bytes(newest.read_bytes()[:5000])
    said = train(config, run, {}, '--resume')
    assert f"passed over: checkpoint '{newest}' cannot be read" in said
    assert f'going on from {run}/epoch_1.pth' in said and 'resumed epoch: 1' in said
    train(config, tmp_path / 'unbroken', {})
    assert_same(last(run), last(tmp_path / 'unbroken'))
