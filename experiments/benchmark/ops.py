"""``tools/benchmark.py ops``: the mixing operations against the paper as written and no mixing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.one_line import InputError

from . import report
from .contestants import CASES, NAMES, SCALING, TINY, Case, build
from .measure import MODES, interleaved, machine, peak_memory, precision, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    default = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', choices=('cpu', 'cuda'), default=default)
    parser.add_argument('--repetitions', type=at_least(1), default=11, help='of every contestant, in turn')
    parser.add_argument('--cases', default='', help='only settings whose name contains this')
    parser.add_argument('--no-scaling', action='store_true', help='leave out n from 10^3 to 10^6')
    parser.add_argument('--seed', type=at_least(0), default=0)
    parser.add_argument('--out', type=Path, default=Path('benchmarks'), help='folder for JSON and plot')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print and save."""
    console = Console(width=120)
    torch.manual_seed(args.seed)
    cases = [case for case in CASES if args.cases in case.name]
    if not cases:
        raise InputError(
            f'no setting has {args.cases!r} in its name: {", ".join(case.name for case in CASES)}'
        )
    result: dict[str, Any] = dict(machine=machine(args.device, args.seed), rows=[], scaling=[])
    for mode in MODES if args.device == 'cuda' else MODES[:1]:
        for case in cases:
            with console.status(f'{case.name}, {mode}'), precision(mode, args.device):
                result['rows'].append(_measure(case, mode, args))
    if not args.no_scaling:
        for case in SCALING:
            with console.status(case.name):
                result['scaling'].append(_grow(case, args))
    result['machine']['load_average_after'] = machine(args.device, args.seed)['load_average']
    print(report.ops_tables(result))
    report.save(result, args.out, f'ops_{args.device}', report.ops_plot)
    return result


def _measure(case: Case, mode: str, args: argparse.Namespace) -> dict[str, Any]:
    steps = {name: build(name, case, args.device, seed=args.seed) for name in NAMES}
    if args.device == 'cuda':
        steps['plain compiled'] = build('plain', case, args.device, seed=args.seed, compiled=True)
    times = interleaved(steps, args.device, args.repetitions)
    results = {name: summary(values) for name, values in times.items()}
    del steps
    for name in NAMES:
        results[name]['memory'] = _memory(name, case, args.device)
    # Ratios are taken turn by turn, as the speed of a machine drifts.
    return dict(
        case=case.name,
        sizes=case.sizes,
        mode=mode,
        repetitions=args.repetitions,
        results=results,
        speedup=(times['plain'] / times['ours']).median(),
        over_floor=(times['ours'] / times['floor']).median(),
        memory_share=results['ours']['memory'] / max(1, results['plain']['memory']),
    )


def _memory(name: str, case: Case, device: str) -> int:
    return peak_memory(build, (name, case, device), (name, TINY, device), device)


def _grow(case: Case, args: argparse.Namespace) -> dict[str, Any]:
    repetitions = max(1, min(args.repetitions, 3 * 10**5 // case.n))
    step = build('ours', case, args.device, seed=args.seed)
    times = interleaved({'ours': step}, args.device, repetitions, warmup=1)['ours']
    memory = _memory('ours', case, args.device)
    return dict(n=case.n, **summary(times), memory=memory, repetitions=repetitions)
