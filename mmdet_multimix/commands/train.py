"""Trains a classifier or a detector from a config."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmengine.config import Config

from ..checkpoints import check_resumable, find_latest, load_weights_only
from ..checks import PreflightError, check_config
from ..checks.config_file import check_needed
from ..engine import MissedValidationHook, write_whole_checkpoints
from ..engine.launcher import has_accelerator, start_launcher, stop_launcher
from ..utils.one_line import one_line
from .multimix_option import SettingsAction, add_multimix
from .running import add_launcher, add_overrides, build_runner, load_config, parse_launched


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--amp', action='store_true', help='mixed precision; on a CPU in bfloat16')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the batch')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or from the latest one in the work dir',
    )
    add_overrides(parser)
    parser.add_argument(
        '--multimix',
        nargs='*',
        action=SettingsAction,
        metavar='KEY=VALUE',
        help='add MultiMixHook to the hooks of the config, which stays as it is, with these settings, as '
        'ess=3 loss_weight=0.5',
    )
    add_launcher(parser)
    return parse_launched(parser, arguments)


def apply_flags(cfg: Config, args: argparse.Namespace) -> None:
    """Writes the flags of the command line into the config."""
    start_launcher(cfg, args.launcher)
    if args.amp and has_accelerator():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    elif args.amp:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
        for key in ('loss_scale', 'dtype'):
            cfg.optim_wrapper.pop(key, None)
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise PreflightError(
                '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in the config'
            )
        cfg.auto_scale_lr.enable = True
    prepare_resume(cfg, args.resume)


def prepare_resume(cfg: Config, wanted: str | None) -> None:
    """Finds the checkpoint to go on from, and sees that a run can, before anything long.

    Before the first checkpoint a run that was killed starts as it did: from load_from, if any.
    """
    if wanted and wanted != 'auto':
        cfg.resume, cfg.load_from = True, wanted
    elif wanted or (cfg.get('resume') and not cfg.get('load_from')):
        latest = find_latest(cfg.work_dir)
        for reason in latest.passed_over:
            print(f'--resume: passed over: {reason}')
        cfg.resume = latest.path is not None
        if cfg.resume:
            print(f'--resume: going on from {latest.path}')
            cfg.load_from = latest.path
        else:
            print(f'--resume: no checkpoint in {cfg.work_dir} yet, starting from the beginning')
    if cfg.get('resume'):
        for note in check_resumable(cfg.load_from, cfg):
            print(f'--resume: {note}')


def main(arguments: Sequence[str] | None = None) -> None:
    """The command.

    Args:
        arguments: Of the command line, that of this process by default.
    """
    args = parse_args(arguments)
    load_weights_only()
    with one_line(args.config):
        cfg = load_config(args.config, args.cfg_options, args.work_dir)
        check_needed(cfg, 'train')
        if args.multimix is not None:
            add_multimix(cfg, args.multimix)
        apply_flags(cfg, args)
        check_config(cfg, 'train')
        runner = build_runner(cfg, cfg.get('resume') and cfg.get('load_from'))
        write_whole_checkpoints(runner)
        if cfg.get('resume'):
            runner.register_hook(MissedValidationHook())
        runner.train()
    del runner
    stop_launcher()
