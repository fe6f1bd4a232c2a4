"""The commands as ``python -m mmdet_multimix COMMAND``, where their folder is not on the PATH."""

from __future__ import annotations

import difflib
import importlib
import sys

COMMANDS = {
    'train': 'train a classifier or a detector',
    'test': 'evaluate a checkpoint as its config says',
    'evaluate': 'measure AP, calibration and robustness',
    'publish-backbone': 'export the backbone of a checkpoint',
    'prepare-dataset': 'make photographs with boxes a data set that trains',
}
_USAGE = 'usage: python -m mmdet_multimix COMMAND ...\n\nCOMMAND --help says more of one:\n'
_HELP = _USAGE + '\n'.join(f'  {name:<18}{text}' for name, text in COMMANDS.items())


def main() -> None:
    """Run the command that the command line names."""
    given = sys.argv[1] if len(sys.argv) > 1 else ''
    if given in ('-h', '--help'):
        print(_HELP)
        return
    name = given.replace('_', '-')
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f'; did you mean {close[0]}?' if close else ''
        sys.exit(f'{_HELP}\n\nthere is no command {given!r}{hint}' if given else _HELP)
    del sys.argv[1]
    sys.argv[0] = f'python -m mmdet_multimix {name}'
    importlib.import_module(f'.commands.{name.replace("-", "_")}', 'mmdet_multimix').main()


if __name__ == '__main__':
    main()
