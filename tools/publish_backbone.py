"""Exports the backbone of a training checkpoint, under its own names, for any mmdet detector.

The file loads with init_cfg=dict(type='MultiMixPretrained', checkpoint=OUT), and with mmengine's own
'Pretrained' where this package is not installed.
"""

import argparse
import os
import sys
from pathlib import Path

import torch

from mmdet_multimix.utils.checkpoint import read_checkpoint, state_dict_of

PREFIXES = ('backbone.', 'module.backbone.')


def publish(source, target, force=False):
    """Writes the backbone in `source` to `target`; returns how many tensors it has."""
    if Path(target).exists() and not force:
        raise ValueError(f'{target} exists already; give --force to replace it')
    checkpoint = read_checkpoint(source)
    state = state_dict_of(checkpoint)
    for prefix in PREFIXES:
        found = {key[len(prefix) :]: value.clone() for key, value in state.items() if key.startswith(prefix)}
        if found:
            break
    else:
        raise ValueError(
            f'{source} holds no backbone: none of its {len(state)} names starts with {PREFIXES[0]}'
        )
    meta = checkpoint.get('meta') or {}
    kept = {
        name: meta[name]
        for name in ('epoch', 'iter', 'seed', 'experiment_name', 'dataset_meta')
        if name in meta
    }
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    partial = f'{target}.part'
    torch.save({'meta': kept, 'state_dict': found}, partial)
    os.replace(partial, target)
    return len(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source', metavar='IN', help='training checkpoint; with EMA, its averaged weights are taken'
    )
    parser.add_argument('target', metavar='OUT', help='file to write')
    parser.add_argument('--force', action='store_true', help='replace OUT if it exists')
    args = parser.parse_args()
    try:
        count = publish(args.source, args.target, args.force)
    except (OSError, ValueError) as error:
        sys.exit(f'publish_backbone: {error}')
    print(f'{args.target}: {count} tensors')


if __name__ == '__main__':
    main()
