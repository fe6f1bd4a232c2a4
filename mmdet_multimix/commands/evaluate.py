"""Measures a trained classifier or detector on the test set of its config.

A classifier: accuracy, calibration, robustness, OOD detection and geometry of the embeddings. A detector, of
this package or of stock mmdet: AP, D-ECE, LaECE_0, LRP, calibration after training, robustness, confidence on
images without any known class. Writes report.json, report.md and pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from ..checkpoints import load_weights_only
from ..checkpoints.loading import WEIGHTS
from ..checks import check_config
from ..checks.config_file import check_needed
from ..evaluation.corruptions import CORRUPTIONS, SEVERITIES
from ..evaluation.detection.command import FIT_ON, evaluate_detector
from ..evaluation.detection.inference import is_detector
from ..evaluation.detection.settings import MEASURES as DETECTION_MEASURES
from ..evaluation.pixel_classifier import choose_device, load_classifier
from ..evaluation.report import markdown, write_report
from ..evaluation.settings import MEASURES, Settings
from ..evaluation.suite import Evaluation
from ..utils.files import check_folder
from ..utils.one_line import InputError, one_line, shows_tracebacks, what_is_wrong
from ..utils.provenance import git_commit, versions
from .running import add_overrides, load_config


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file of a classifier or a detector')
    parser.add_argument('checkpoint', help='training checkpoint')
    parser.add_argument('--out', help='folder of the report (default: WORK_DIR/evaluation)')
    parser.add_argument(
        '--measures',
        nargs='+',
        metavar='NAME',
        help=f'some of {", ".join(MEASURES)}; of a detector {", ".join(DETECTION_MEASURES)} (default: all)',
    )
    parser.add_argument(
        '--ood',
        nargs='+',
        default=[],
        metavar='[NAME=]FOLDER',
        help='images from outside the distribution; of a classifier, uniform and Gaussian noise are always '
        'measured, too',
    )
    parser.add_argument(
        '--weights',
        choices=WEIGHTS,
        help='of a run with EMA: the averaged weights (default) or the trained ones',
    )
    parser.add_argument(
        '--fgsm-eps', type=float, default=8, metavar='E', help='in 1/255 (default: 8; 4 is usual on ImageNet)'
    )
    parser.add_argument('--pgd-eps', type=float, default=4, metavar='E', help='in 1/255 (default: 4)')
    parser.add_argument('--pgd-step', type=float, default=2, metavar='S', help='in 1/255 (default: 2)')
    parser.add_argument('--pgd-steps', type=int, default=20, metavar='K', help='default: 20')
    parser.add_argument(
        '--attack-images', type=int, metavar='N', help='attack N images, evenly spaced (default: all)'
    )
    parser.add_argument(
        '--corruptions',
        nargs='+',
        choices=CORRUPTIONS,
        metavar='NAME',
        help=f'some of {", ".join(CORRUPTIONS)} (default: all)',
    )
    parser.add_argument(
        '--severities', nargs='+', type=int, choices=SEVERITIES, metavar='S', help='of 1 to 5 (default: all)'
    )
    parser.add_argument(
        '--corrupted-images', type=int, metavar='N', help='corrupt N images, evenly spaced (default: all)'
    )
    parser.add_argument(
        '--fit-on',
        choices=FIT_ON,
        default='auto',
        help='of a detector: fit calibration to the validation set, or to each half of the test set for the '
        'other; auto takes the validation set where none of its images is tested',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        metavar='S',
        help='of a detector: the score from which a detection on --ood images is confident (default: 0.3)',
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: cuda where there is one)')
    parser.add_argument('--seed', type=int, default=0, help='of noise and random starts')
    add_overrides(parser)
    return parser.parse_args(arguments)


def named_folders(arguments: Sequence[str]) -> dict[str, Path]:
    """The folders of --ood by their names, by default the last part of their path."""
    folders: dict[str, Path] = {}
    for argument in arguments:
        name, equals, folder = argument.partition('=')
        if not equals:
            name, folder = Path(argument).resolve().name, argument
        if not name or not folder:
            raise InputError(f'--ood takes FOLDER or NAME=FOLDER, got {argument!r}')
        if name in folders:
            raise InputError(f'--ood has two folders {name!r}; name them with NAME=FOLDER')
        folders[name] = Path(folder)
    return folders


def prepare(args: argparse.Namespace, cfg: Config) -> tuple[Evaluation, Path, dict[str, Any]]:
    """Checks all input before anything long; returns the evaluation, the folder of the report, and facts."""
    settings = Settings(
        tuple(dict.fromkeys(args.measures or MEASURES)),
        named_folders(args.ood),
        fgsm_eps=args.fgsm_eps / 255,
        pgd_eps=args.pgd_eps / 255,
        pgd_step=args.pgd_step / 255,
        pgd_steps=args.pgd_steps,
        corruptions=tuple(dict.fromkeys(args.corruptions or CORRUPTIONS)),
        severities=tuple(dict.fromkeys(args.severities or SEVERITIES)),
        corrupted_images=args.corrupted_images,
        attack_images=args.attack_images,
        seed=args.seed,
    )
    classifier, trained = load_classifier(cfg, args.checkpoint, args.weights, args.device)
    check_config(cfg, 'test')
    loader = Runner.build_dataloader({**cfg.test_dataloader, 'drop_last': False}, seed=args.seed)
    evaluation = Evaluation(classifier, loader, settings)
    out = Path(args.out or Path(cfg.work_dir, 'evaluation'))
    check_folder('--out', out)
    facts = {
        'config': args.config,
        'checkpoint': args.checkpoint,
        **trained,
        'images': len(loader.dataset),
        'size': list(evaluation.size),
        'classes': len(loader.dataset.metainfo['classes']),
        'seed': args.seed,
        'device': str(classifier.device),
        'versions': versions(),
        'commit': git_commit(),
    }
    return evaluation, out, facts


def announce(evaluation: Evaluation, out: Path, facts: dict[str, Any]) -> None:
    print(f'{facts["checkpoint"]}: {facts["weights"]} weights, on {facts["device"]}')
    print(f'{facts["images"]} images of {"x".join(map(str, facts["size"]))}, {facts["classes"]} classes')
    print(f'measures: {", ".join(evaluation.settings.measures)}')
    for name, images in evaluation.folders.items():
        print(f'out of distribution: {name}, {len(images)} images')
    print(f'report: {out}', flush=True)


@one_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    args = parse_args(arguments)
    load_weights_only()
    try:
        cfg = load_config(args.config, args.cfg_options, None)
        check_needed(cfg, 'evaluate')
        if is_detector(cfg):
            check_config(cfg, 'test')
            evaluate_detector(args, cfg, named_folders(args.ood), choose_device(args.device))
            return
        evaluation, out, facts = prepare(args, cfg)
    except KeyboardInterrupt:
        sys.exit('interrupted; the same command goes on from here')
    except (OSError, ValueError, KeyError) as error:
        if shows_tracebacks():
            raise
        sys.exit(f'{args.config}: {what_is_wrong(error) or error}')
    announce(evaluation, out, facts)
    start = time.perf_counter()
    try:
        results = evaluation.run()
    except ValueError as error:
        sys.exit(f'{args.config}: {error}')
    except KeyboardInterrupt:
        sys.exit('interrupted; nothing was written')
    facts['seconds'] = round(time.perf_counter() - start, 1)
    dataset: BaseDataset = evaluation.loader.dataset
    files = write_report(out, results, facts, dataset.metainfo['classes'], args.seed)
    print('\n' + markdown(results.measures, facts))
    print('\n'.join(map(str, files)))
