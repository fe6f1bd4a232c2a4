"""Exports the backbone of a training checkpoint, under its own names, for any mmdet detector.

The file loads with init_cfg=dict(type='MultiMixPretrained', checkpoint=OUT), and with mmengine's own
'Pretrained' where this package is not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..checkpoints import publish_backbone
from ..utils.one_line import one_line


def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source', metavar='IN', help='training checkpoint; with EMA, its averaged weights are taken'
    )
    parser.add_argument('target', metavar='OUT', help='file to write')
    parser.add_argument('--force', action='store_true', help='replace OUT if it exists')
    args = parser.parse_args(arguments)
    with one_line('publish_backbone'):
        count = publish_backbone(args.source, args.target, args.force)
    print(f'{args.target}: {count} tensors')
