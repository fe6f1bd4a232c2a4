"""Measures a trained classifier: accuracy, calibration, robustness, OOD detection and embedding geometry.

Takes the test set of the config. Writes report.json, report.md and pictures.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from mmengine.config import DictAction
from mmengine.runner import Runner
from train import load_config

from mmdet_multimix.checkpoints import load_weights_only
from mmdet_multimix.checks import check_config
from mmdet_multimix.evaluation.pixel_classifier import WEIGHTS, load_classifier
from mmdet_multimix.evaluation.report import markdown, write_report
from mmdet_multimix.evaluation.settings import MEASURES, Settings
from mmdet_multimix.evaluation.suite import Evaluation, check_classes
from mmdet_multimix.utils import Progress
from mmdet_multimix.utils.provenance import git_commit, versions


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file of a classifier')
    parser.add_argument('checkpoint', help='training checkpoint')
    parser.add_argument('--out', help='folder of the report (default: WORK_DIR/evaluation)')
    parser.add_argument(
        '--measures',
        nargs='+',
        default=list(MEASURES),
        metavar='NAME',
        help=f'some of {", ".join(MEASURES)} (default: all)',
    )
    parser.add_argument(
        '--ood',
        nargs='+',
        default=[],
        metavar='[NAME=]FOLDER',
        help='images from outside the distribution; uniform and Gaussian noise are always measured',
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
    parser.add_argument('--pgd-steps', type=int, default=10, metavar='K', help='default: 10')
    parser.add_argument(
        '--attack-images', type=int, metavar='N', help='attack N images, evenly spaced (default: all)'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ... (default: cuda where there is one)')
    parser.add_argument('--seed', type=int, default=0, help='of noise and random starts')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override keys of the config, as a.b=1 a.c="[1,2]"',
    )
    return parser.parse_args()


def named_folders(arguments):
    """The folders of --ood by their names, by default the last part of their path."""
    folders = {}
    for argument in arguments:
        name, equals, folder = argument.partition('=')
        if not equals:
            name, folder = Path(argument).resolve().name, argument
        if not name or not folder:
            raise ValueError(f'--ood takes FOLDER or NAME=FOLDER, got {argument!r}')
        if name in folders:
            raise ValueError(f'--ood has two folders {name!r}; name them with NAME=FOLDER')
        folders[name] = Path(folder)
    return folders


def choose_device(name):
    if name is None:
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f'--device {name}: {str(error).splitlines()[0]}') from error
    return name


def prepare(args):
    """Everything that can be wrong is found here, before anything long."""
    settings = Settings(
        tuple(dict.fromkeys(args.measures)),
        named_folders(args.ood),
        fgsm_eps=args.fgsm_eps / 255,
        pgd_eps=args.pgd_eps / 255,
        pgd_step=args.pgd_step / 255,
        pgd_steps=args.pgd_steps,
        attack_images=args.attack_images,
        seed=args.seed,
    )
    device = choose_device(args.device)
    cfg = load_config(args.config, args.cfg_options, None)
    classifier, trained = load_classifier(cfg, args.checkpoint, args.weights, device)
    if not cfg.get('test_dataloader'):
        raise ValueError('the config has no test_dataloader, whose images would be measured')
    check_config(cfg, 'test')
    loader = Runner.build_dataloader(cfg.test_dataloader, seed=args.seed)
    classes = loader.dataset.metainfo['classes']
    check_classes(classes, classifier.model.head.num_classes, trained.pop('classes'))
    evaluation = Evaluation(classifier, loader, settings)
    out = Path(args.out or Path(cfg.work_dir, 'evaluation'))
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out {out} is a file')
    facts = {
        'config': args.config,
        'checkpoint': args.checkpoint,
        **trained,
        'images': len(loader.dataset),
        'size': list(evaluation.size),
        'classes': len(classes),
        'seed': args.seed,
        'device': device,
        'versions': versions(),
        'commit': git_commit(),
    }
    return evaluation, classes, out, facts


def announce(evaluation, out, facts):
    folders = {name: len(images) for name, images in evaluation.folders.items()}
    print(f'{facts["checkpoint"]}: {facts["weights"]} weights, on {facts["device"]}')
    print(f'{facts["images"]} images of {"x".join(map(str, facts["size"]))}, {facts["classes"]} classes')
    print(f'measures: {", ".join(evaluation.settings.measures)}')
    for name, count in folders.items():
        print(f'out of distribution: {name}, {count} images')
    print(f'report: {out}', flush=True)


def main():
    args = parse_args()
    load_weights_only()
    try:
        evaluation, classes, out, facts = prepare(args)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f'{args.config}: {error}')
    announce(evaluation, out, facts)
    start = time.perf_counter()
    try:
        with Progress(evaluation.steps) as progress:
            results = evaluation.run(progress)
    except ValueError as error:
        sys.exit(f'{args.config}: {error}')
    except KeyboardInterrupt:
        sys.exit('interrupted; nothing was written')
    facts['seconds'] = round(time.perf_counter() - start, 1)
    files = write_report(out, results, facts, classes, args.seed)
    print('\n' + markdown(results.measures, facts))
    print('\n'.join(str(path) for path in files))


if __name__ == '__main__':
    main()
