"""Measures what mixing costs, ``ops`` alone or in a whole ``step``, and how long ``measures`` take."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.benchmark import measures, ops, step

COMMANDS = {'ops': ops, 'step': step, 'measures': measures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    for name, module in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=module.__doc__))
    args = parser.parse_args()
    COMMANDS[args.command].run(args)


if __name__ == '__main__':
    main()
