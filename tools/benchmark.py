"""Measures what mixing costs, ``ops`` alone or in a whole ``step``, and how long ``measures`` take."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.benchmark import measures, ops, step
from mmdet_multimix.utils.files import check_folder
from mmdet_multimix.utils.one_line import InputError, one_line

COMMANDS = {'ops': ops, 'step': step, 'measures': measures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.__doc__))
    args = parser.parse_args()
    with one_line():
        check_folder('--out', args.out)
        if getattr(args, 'device', 'cpu') == 'cuda' and not torch.cuda.is_available():
            raise InputError('--device cuda: torch finds no GPU that it can use through CUDA')
        COMMANDS[args.command].run(args)


if __name__ == '__main__':
    main()
