"""The commands as ``python -m mmdet_multimix COMMAND``, where their folder is not on the PATH."""

from __future__ import annotations

import importlib
import sys

COMMANDS = ('train', 'test', 'evaluate', 'publish-backbone', 'prepare-dataset')


def main() -> None:
    """Run the command that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1].replace('_', '-') not in COMMANDS:
        sys.exit(f'usage: python -m mmdet_multimix {{{",".join(COMMANDS)}}} ...')
    name = sys.argv.pop(1)
    sys.argv[0] = f'python -m mmdet_multimix {name}'
    importlib.import_module(f'.commands.{name.replace("-", "_")}', 'mmdet_multimix').main()


if __name__ == '__main__':
    main()
