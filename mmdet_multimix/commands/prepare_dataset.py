"""Makes photographs with boxes a data set that trains: VOC, YOLO or COCO, in whatever layout they come.

Images stay where they are. OUTPUT gets annotations in COCO's format, a picture of each split, a report of
what was left out and why, and a config.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ..preparing import prepare
from ..utils.arguments import at_least
from ..utils.one_line import one_line


def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', help='folder with images and annotations')
    parser.add_argument('--output', help='folder to write to; by default INPUT_coco, beside INPUT')
    parser.add_argument(
        '--format', default='auto', choices=['auto', 'voc', 'yolo', 'coco'], help='of the annotations'
    )
    parser.add_argument(
        '--classes', nargs='+', metavar='NAME', help='these classes, in this order, and no others'
    )
    parser.add_argument(
        '--split',
        type=float,
        metavar='SHARE',
        help='make this share of the training images validation images',
    )
    parser.add_argument('--seed', type=at_least(0), default=0, help='of the split')
    parser.add_argument('--overwrite', action='store_true', help='replace files that are in OUTPUT')
    args = parser.parse_args(arguments)
    with one_line('prepare_dataset'):
        said = prepare(
            args.input,
            args.output or _beside(args.input),
            format=args.format,
            classes=args.classes,
            split=args.split,
            seed=args.seed,
            overwrite=args.overwrite,
        )
    print(said)


def _beside(path: str) -> str:
    """The folder beside another, which may be written as ``.``, ``..`` or with a slash at its end."""
    beside = os.path.abspath(path) + '_coco'
    return beside if os.path.isabs(path) else os.path.relpath(beside)  # the config keeps what is relative
