"""The whole path on handwritten digits: pretrain, transfer, train detectors, evaluate, draw.

Three classifiers are pretrained on single digits (cross-entropy, MultiMix, Dense MultiMix). A small Faster
R-CNN then learns from few images to find other digits on noisy canvases: from random weights, and from each
of the backbones, the last one with MultiMix on its RoI embeddings too. Everything goes through the same
configs, Runner and commands as a run on ImageNet and COCO. Finished steps are kept; an interrupted one goes
on at its last checkpoint.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from experiments.demo import demo_plan
from experiments.demo_report import Demo, write_report
from experiments.digits import prepare_digits
from experiments.estimate import describe
from experiments.experiment_file import work_root
from experiments.front_end import add_arguments, drive, engine_of, parse
from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.one_line import one_line

ABOUT = (
    'Classifiers first, then detectors. Each says how long it still takes once it is on its way; the first '
    'pictures are there after the first detector.'
)


@one_line()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', default='work_dirs/demo', help='where everything is kept')
    parser.add_argument(
        '--seeds', type=at_least(1), default=1, help='repeat with seeds 0, 1, ... and report the spread'
    )
    add_arguments(parser)
    args = parse(parser)
    try:
        root, engine, demo = work_root(args.work_dir), engine_of(args), Demo(args.seeds)
    except ValueError as error:
        parser.error(str(error))
    prepare_digits(root / 'data', demo.train_images, demo.val_images)
    plan = demo_plan(root, demo)
    print(describe(plan, ABOUT), flush=True)
    drive(
        plan,
        engine,
        partial(write_report, root, demo),
        f'Report and pictures: {root}',
    )


if __name__ == '__main__':
    main()
