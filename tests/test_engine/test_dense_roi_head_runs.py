"""DenseMultiMixRoIHead through the Runner: killed and resumed, averaged, fine-tuned, shipped."""

import copy
import subprocess
import sys

import pytest
import torch
from cli import environment
from mmdet.registry import HOOKS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner
from test_families import Images, _quiet  # noqa: F401
from test_multimix_hook import runner_of
from tiny_detectors import samples, tiny_model

from mmdet_multimix.checkpoints import read_checkpoint
from mmdet_multimix.engine import MultiMixHook

NAME = 'mask_rcnn'


class _Seeded(Hook):
    """The same draws in an iteration, whenever the process started."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        torch.manual_seed(runner.iter)


@pytest.fixture(scope='module', autouse=True)
def _registered():
    HOOKS.register_module(name='_Seeded', module=_Seeded)
    yield
    HOOKS.module_dict.pop('_Seeded')


def stock_config():
    cfg = tiny_model(NAME)
    cfg.test_cfg.rcnn.score_thr = 0.0  # an untrained detector is sure of nothing
    return cfg


def config():
    cfg = stock_config()
    cfg.roi_head.update(type='DenseMultiMixRoIHead', dense_multimix=dict(n=20, loss_weight=0.5))
    return cfg


def run(work_dir, epochs, ema=True, start=0, **kwargs):
    """Two iterations an epoch, on images with objects and without; gives the runner."""
    hooks = [dict(type='_Seeded'), dict(type='MultiMixScheduleHook', ramp=1.0, interval=1)]
    torch.manual_seed(start)
    runner = Runner(
        model=MODELS.build(config()),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=Images(NAME),
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        ),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-3)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        custom_hooks=[*hooks, dict(type='EMAHook', momentum=0.5)] if ema else hooks,
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1), logger=dict(type='LoggerHook', interval=1)
        ),
        default_scope='mmdet',
        randomness=dict(seed=start),
        log_level='WARNING',
        experiment_name=f'{work_dir.parent.name}_{work_dir.name}',
        **kwargs,
    )
    runner.train()
    return runner


@pytest.fixture(scope='module')
def whole(tmp_path_factory, _registered):
    """Three epochs without interruption."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Runner, '_log_env', lambda *args: None)
    patch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)
    yield run(tmp_path_factory.mktemp('dense') / 'whole', 3)
    patch.undo()


def ema_of(runner):
    return next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(whole, tmp_path):
    checkpoint = f'{whole.work_dir}/epoch_1.pth'
    resumed = run(tmp_path / 'resumed', 3, start=7, load_from=checkpoint, resume=True)
    assert resumed.iter == whole.iter == 6
    models = [(whole.model, resumed.model), (ema_of(whole), ema_of(resumed))]
    for ours, theirs in models:
        others = dict(theirs.named_parameters())
        names = [name for name, _ in ours.named_parameters()]
        assert any(name.endswith('dense_cls.weight') for name in names)
        for name, parameter in ours.named_parameters():
            assert torch.equal(parameter, others[name]), name
    for runner in (whole, resumed):
        layer = runner.model.roi_head.dense_cls
        assert layer.weight.abs().sum() > 0
        averaged = ema_of(runner).module.roi_head.dense_cls
        assert averaged.weight.any() and not torch.equal(averaged.weight, layer.weight)
        momentum = runner.optim_wrapper.optimizer.state[layer.weight]['momentum_buffer']
        assert momentum.any()
    buffers = [
        runner.optim_wrapper.optimizer.state[runner.model.roi_head.dense_cls.weight]['momentum_buffer']
        for runner in (whole, resumed)
    ]
    assert torch.equal(*buffers)


def test_the_log_has_the_terms_and_the_scalars_of_the_schedule(whole):
    history = whole.message_hub.log_scalars
    terms = [history[f'train/loss_dense_{kind}'].data[0] for kind in ('multimix', 'cls')]
    assert all(len(values) == 6 and values[2] > 0 and values[1] == 0 for values in terms)  # 1: no objects
    assert [round(x, 3) for x in history['train/multimix_weight'].data[0]] == [0, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert history['train/multimix_examples'].data[0][2] >= 3
    assert history['train/multimix_examples_per_tuple'].data[0][2] > 1


STOCK = """
import sys
sys.modules['mmdet_multimix'] = None  # any import of the package fails
import torch
torch.set_num_threads(int(sys.argv[4]))
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
init_default_scope('mmdet')
model = MODELS.build(Config.fromfile(sys.argv[1]).model)
checkpoint = torch.load(sys.argv[2], weights_only=False)
assert 'roi_head.dense_cls.weight' not in checkpoint['state_dict']
averaged = {key[7:]: value for key, value in checkpoint['ema_state_dict'].items() if key != 'steps'}
results = []
data = torch.load(sys.argv[3], weights_only=False)
for state in (checkpoint['state_dict'], averaged):
    model.load_state_dict(state, strict=True)
    model.eval()
    with torch.no_grad():
        found = model.test_step(data)[0].pred_instances
    results.append({key: found[key] for key in ('bboxes', 'scores', 'labels')})
torch.save(results, sys.argv[3])
"""


def test_where_this_package_cannot_be_imported_it_loads_strictly_and_finds_the_same(whole, tmp_path):
    path = f'{whole.work_dir}/epoch_3.pth'
    Config(dict(model=stock_config())).dump(tmp_path / 'stock.py')
    (tmp_path / 'process.py').write_text(STOCK)
    data = pseudo_collate(list(samples(NAME, (2,), seed=5)))
    torch.save(data, tmp_path / 'data.pth')
    arguments = [tmp_path / 'stock.py', path, tmp_path / 'data.pth', torch.get_num_threads()]
    command = [sys.executable, tmp_path / 'process.py', *map(str, arguments)]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment())
    theirs = torch.load(tmp_path / 'data.pth', weights_only=True)

    checkpoint = read_checkpoint(path)
    # mmengine keeps the averaged weights as the state dict, and the trained ones beside it.
    for network, expected in zip((ema_of(whole).module, whole.model), theirs, strict=True):
        model = copy.deepcopy(network).eval()
        with torch.no_grad():
            found = model.test_step(data)[0].pred_instances
        assert len(found) > 0
        for key, value in expected.items():
            assert torch.equal(value, found[key]), key
    extra = checkpoint['state_dict']._metadata['roi_head.dense_cls']
    assert torch.equal(extra['weight'], whole.model.roi_head.dense_cls.weight)


def test_fine_tuning_from_a_stock_checkpoint_makes_no_noise(tmp_path, capfd):
    stock = MODELS.build(stock_config())
    stock.init_weights()
    torch.save(dict(state_dict=stock.state_dict()), tmp_path / 'stock.pth')
    capfd.readouterr()
    runner = run(tmp_path / 'tuned', 2, ema=False, load_from=str(tmp_path / 'stock.pth'))
    printed = ''.join(capfd.readouterr())
    assert 'do not match' not in printed and 'missing' not in printed
    assert runner.model.roi_head.dense_cls.weight.any()
    frozen = dict(stock.named_buffers())  # of the batch norm, which does not learn here
    assert all(torch.equal(value, frozen[name]) for name, value in runner.model.named_buffers())


def test_fine_tuning_from_a_checkpoint_with_the_classifier_takes_it_over(whole, tmp_path):
    runner = run(tmp_path / 'tuned', 2, ema=False, load_from=f'{whole.work_dir}/epoch_3.pth')
    trained, tuned = whole.model.roi_head.dense_cls.weight, runner.model.roi_head.dense_cls.weight
    assert 0 < (trained - tuned).norm() < trained.norm()


def test_the_hook_beside_it_schedules_both():
    model = MODELS.build(config())
    hook = MultiMixHook(n=20, loss_weight=0.2, ramp=1.0)
    runner = runner_of(model, hook)
    hook.before_train(runner)
    hook.before_train_iter(runner, 5)  # of ten an epoch
    mixing = model.roi_head.bbox_head.multimix, model.roi_head.dense_multimix
    assert [module.loss_weight for module in mixing] == pytest.approx([0.1, 0.25])
    hook.after_train(runner)
    assert model.roi_head.dense_multimix.loss_weight == 0.5
