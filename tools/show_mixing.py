"""Draws which examples of a detector are mixed with which: the figure of docs/mixing.md."""

import argparse

from mmdet_multimix.visualization.mixing_schematic import plot_mixing


def main() -> None:
    """Writes the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', default='docs/images/what_is_mixed.png', help='picture to write')
    path = parser.parse_args().out
    plot_mixing(path)
    print(f'wrote {path}')


if __name__ == '__main__':
    main()
