"""Evaluates a checkpoint of a classifier or a detector."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import matplotlib
from mmengine.config import Config

from ..checkpoints import load_weights_only
from ..checks import PreflightError, check_config
from ..checks.config_file import check_needed
from ..engine.launcher import start_launcher, stop_launcher
from ..utils.files import check_target
from ..utils.one_line import one_line
from .running import add_launcher, add_overrides, build_runner, load_config, parse_launched
from .tta import add_tta


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs and metrics')
    parser.add_argument('--out', help='write the predictions of a detector to this pickle file')
    parser.add_argument('--show', action='store_true', help='show detections in a window')
    parser.add_argument('--show-dir', help='paint detections into this folder, inside the work dir')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that --show shows an image (2)')
    parser.add_argument(
        '--tta',
        action='store_true',
        help='merge predictions on copies of each image, those of tta_pipeline or its mirror image',
    )
    add_overrides(parser)
    add_launcher(parser)
    args = parse_launched(parser, arguments)
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out must end in .pkl, got {args.out}')
    return args


def paint(cfg: Config, args: argparse.Namespace) -> None:
    """Let the config's hook paint detections into a folder, a window, or both."""
    flag = '--show' if args.show else '--show-dir'
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if not hook:
        raise PreflightError(f'{flag} needs default_hooks.visualization in the config')
    hook.update(draw=True)
    if args.show_dir:
        hook.update(test_out_dir=args.show_dir)
    if args.show:
        if matplotlib.get_backend().lower() == 'agg':
            raise PreflightError('--show finds no screen to show anything on; --show-dir writes files')
        hook.update(show=True, wait_time=args.wait_time)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    args = parse_args(arguments)
    load_weights_only()
    with one_line(args.config):
        cfg = load_config(args.config, args.cfg_options, args.work_dir)
        check_needed(cfg, 'test')
        if args.out:
            check_target('--out', args.out)
        start_launcher(cfg, args.launcher)
        cfg.load_from, cfg.resume = args.checkpoint, False  # whatever the config says of training
        if args.show or args.show_dir:
            paint(cfg, args)
        check_config(cfg, 'test')
        if args.tta:
            add_tta(cfg)
        runner = build_runner(cfg, True)
        if args.out:
            from mmdet.evaluation import DumpDetResults

            runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=args.out))
        runner.test()
    del runner
    stop_launcher()
