"""Measures the variance of the stochastic gradient of multi-mix against its number of factors K.

experiments/gradient_variance.py says what is measured, docs/pretraining.md what came out.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `experiments` is no part of the package

from experiments.gradient_variance import Settings, train_and_measure, write
from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.files import check_folder
from mmdet_multimix.utils.one_line import one_line

CONFIG = ROOT / 'configs/pretrain/resnet_tiny_digits_mixup_k5.py'


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', type=Path, default=CONFIG, help='of a method with factors K')
    parser.add_argument('--epochs', type=at_least(1), nargs='+', default=[1, 6, 20], help='where to measure')
    parser.add_argument('--factors', type=at_least(1), nargs='+', default=[1, 2, 3, 5, 8], help='values of K')
    parser.add_argument('--repeats', type=at_least(2), default=64, help='mini-batches measured at each point')
    parser.add_argument('--batch-size', type=at_least(2), default=8, help='pairs of a measured mini-batch')
    parser.add_argument('--seed', type=at_least(0), default=0)
    parser.add_argument('--out', type=Path, default='work_dirs/gradient_variance', help='folder to write to')
    options = vars(parser.parse_args())
    out = options.pop('out')
    with one_line():
        check_folder('--out', out)
        files = write(out, settings := Settings(**options), train_and_measure(settings))
    print(f'written: {", ".join(map(str, files))}')


if __name__ == '__main__':
    main()
