"""Draws how much of a mixed loss tells examples apart: the figure of docs/signal.md."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.signal_figure import plot_signal
from mmdet_multimix.utils.one_line import one_line
from mmdet_multimix.visualization.plots import check_picture


def main() -> None:
    """Writes the figure and its numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default='docs/images/signal.png', help='picture to write')
    path = parser.parse_args().out
    with one_line():
        check_picture('--out', path)
        plot_signal(path)
    print(f'wrote {path} and {Path(path).with_suffix(".json")}')


if __name__ == '__main__':
    main()
