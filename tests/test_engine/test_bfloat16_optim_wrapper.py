"""Training in bfloat16, which the rest of a run must not notice: held against the same step in float32."""

import copy
from pathlib import Path

import pytest
import torch
from cli import tool
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPERS

from mmdet_multimix.checkpoints import read_checkpoint

DIGITS = str(Path(__file__).parents[2] / 'configs' / 'pretrain' / 'resnet_tiny_digits_{}.py')
METHODS = ('ce', 'alignmixup', 'manifold_mixup_k5', 'multimix', 'dense_multimix', 'multimix_distill')
ROUNDING = 0.05  # of a loss, after the eighteen layers of a network in bfloat16


def step(method, wrapper):
    """Losses of a training step, the dtypes of its feature maps, and the optimizer after it."""
    torch.manual_seed(0)
    cfg = Config.fromfile(DIGITS.format(method))
    model = MODELS.build(cfg.model)
    model.init_weights()
    if hasattr(model.method, 'teacher'):
        model.method.teacher = copy.deepcopy(model)
    dtypes = []
    model.backbone.register_forward_hook(lambda module, inputs, output: dtypes.append(output[-1].dtype))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    optim_wrapper = OPTIM_WRAPPERS.build(dict(type=wrapper, optimizer=optimizer))
    torch.manual_seed(1)
    data = {'inputs': torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8), 'gt_label': torch.arange(8)}
    losses = model.train_step(data, optim_wrapper)
    return losses, set(dtypes), optimizer


@pytest.mark.parametrize('method', METHODS)
def test_a_step_is_that_in_float32_but_for_rounding(method):
    losses, dtypes, optimizer = step(method, 'BFloat16OptimWrapper')
    expected, plain, other = step(method, 'OptimWrapper')
    assert (dtypes, plain) == ({torch.bfloat16}, {torch.float32})
    assert losses.keys() == expected.keys()
    for key, value in losses.items():
        assert value.dtype == torch.float32, key
        assert float(value) == pytest.approx(float(expected[key]), rel=ROUNDING), key
    assert len(optimizer.state) == len(other.state) > 0
    for parameter, state in optimizer.state.items():
        assert parameter.dtype == state['momentum_buffer'].dtype == torch.float32


def test_amp_on_a_machine_without_an_accelerator(tmp_path, monkeypatch):
    """Settings of another wrapper, which has a scale of the loss, are not in its way."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    tool(
        'train.py',
        DIGITS.format('multimix'),
        '--amp',
        '--work-dir',
        tmp_path,
        options={
            'optim_wrapper.loss_scale': 'dynamic',
            'train_dataloader.dataset.per_class': (0, 10),
            'val_dataloader.dataset.per_class': (0, 5),
            'train_cfg.max_epochs': 1,
        },
    )
    cfg = Config.fromfile(tmp_path / 'resnet_tiny_digits_multimix.py')
    assert cfg.optim_wrapper.type == 'BFloat16OptimWrapper'
    state = read_checkpoint(tmp_path / 'epoch_1.pth')['state_dict']
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
