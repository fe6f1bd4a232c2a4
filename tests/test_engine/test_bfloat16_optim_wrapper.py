"""Training in bfloat16, which the rest of a run must not notice: held against the same step in float32."""

import copy
from pathlib import Path

import pytest
import torch
from cli import tool
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPERS, init_default_scope
from tiny_detectors import samples, tiny_model

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


@pytest.mark.parametrize(
    'name', ['faster_rcnn_fpn', 'faster_rcnn_c4', 'cascade_rcnn', 'mask_rcnn', 'sparse_rcnn', 'retinanet']
)
def test_a_detector_trains_on_a_cpu(name):
    """mmcv's NMS and RoIAlign know no bfloat16 there; outside the wrapper nothing is cast."""
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(tiny_model(name))
    model.init_weights()
    inputs, data_samples = zip(*(sample.values() for sample in samples(name, (2, 3))), strict=True)
    losses = []
    for wrapper in ('BFloat16OptimWrapper', 'OptimWrapper'):
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        optim_wrapper = OPTIM_WRAPPERS.build(dict(type=wrapper, optimizer=optimizer))
        data = dict(inputs=list(inputs), data_samples=copy.deepcopy(list(data_samples)))
        losses.append(model.train_step(data, optim_wrapper))
    for key, value in losses[0].items():
        assert value.dtype == torch.float32 and value.isfinite(), key
    assert float(losses[0]['loss']) == pytest.approx(float(losses[1]['loss']), rel=ROUNDING)


@pytest.mark.parametrize('device', ['cpu', 'meta'])  # the second stands for an accelerator
def test_rois_are_not_rounded_to_the_maps_they_are_taken_from(device):
    found = []

    class Extractor(SingleRoIExtractor):
        def forward(self, feats, rois):
            found.extend(x.dtype for x in (*feats, rois))

    extractor = Extractor(dict(type='RoIAlign', output_size=7), out_channels=4, featmap_strides=[4, 8])
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1)
    maps = [torch.empty(1, 4, 8, 8, dtype=torch.bfloat16, device=device) for _ in range(2)]
    with OPTIM_WRAPPERS.build(dict(type='BFloat16OptimWrapper', optimizer=optimizer)).optim_context(
        extractor
    ):
        extractor(maps, torch.empty(3, 5, device=device))
    assert found == [torch.float32] * 3
