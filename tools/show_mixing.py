"""Draws which examples of a detector are mixed with which: the figure of docs/mixing.md."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.mixing_schematic import plot_mixing
from mmdet_multimix.utils.one_line import one_line
from mmdet_multimix.visualization.plots import check_picture


def main() -> None:
    """Writes the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default='docs/images/what_is_mixed.png', help='picture to write')
    path = parser.parse_args().out
    with one_line():
        check_picture('--out', path)
        plot_mixing(path)
    print(f'wrote {path}')


if __name__ == '__main__':
    main()
