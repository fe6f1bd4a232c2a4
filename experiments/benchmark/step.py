"""``tools/benchmark.py step``: what mixing adds to a whole training step, backbone and optimizer included."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from rich.console import Console

from mmdet_multimix.models.multimix import mixing_modules
from mmdet_multimix.utils.arguments import at_least

from . import report
from .measure import MODES, interleaved, machine, precision, summary

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
IMAGENET_SIZE = 224  # pixels, square
COCO_SIZE = (800, 1344)  # height and width in pixels, padded to a multiple of 32
# An image of COCO has 7, for each of which a trained detector has many proposals. These have learnt nothing:
# as many objects as the sampler takes foreground stand for them, as the cost of mixing depends on how many.
OBJECTS = 128
MIN_BATCH = 2
# The first of each group is what the others are compared with.
CLASSIFIERS = {
    'cross-entropy': 'pretrain/resnet50_imagenet_ce.py',
    'MultiMix': 'pretrain/resnet50_imagenet_multimix.py',
    'Dense MultiMix': 'pretrain/resnet50_imagenet_dense_multimix.py',
}
DETECTORS = {
    'plain': 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'RoI MultiMix': str(CONFIGS / 'faster_rcnn_r50_multimix.py'),
    'Dense RoI MultiMix': str(CONFIGS / 'faster_rcnn_r50_dense_multimix.py'),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    default = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', choices=('cpu', 'cuda'), default=default)
    parser.add_argument('--repetitions', type=at_least(1), default=7, help='of every contestant, in turn')
    parser.add_argument(
        '--batch',
        type=at_least(MIN_BATCH),
        default=128,
        help='images a step of ResNet-50, halved until it fits',
    )
    parser.add_argument('--images', type=at_least(1), default=2, help='images a step of Faster R-CNN')
    parser.add_argument('--only', choices=('classifier', 'detector'), help='leave out the other')
    parser.add_argument('--seed', type=at_least(0), default=0)
    parser.add_argument('--out', type=Path, default=Path('benchmarks'), help='folder for the JSON')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print and save."""
    console = Console(width=120)
    result: dict[str, Any] = dict(machine=machine(args.device, args.seed), rows=[])
    for mode in MODES if args.device == 'cuda' else MODES[:1]:
        with precision(mode, args.device):
            if args.only != 'detector':
                result['rows'] += _classifiers(mode, args, console)
            if args.only != 'classifier':
                result['rows'] += _detectors(mode, args, console)
    result['machine']['load_average_after'] = machine(args.device, args.seed)['load_average']
    print(report.step_table(result))
    report.save(result, args.out, f'step_{args.device}', report.step_plot)
    return result


def _classifiers(mode: str, args: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    """ResNet-50 at the largest batch that fits, the same for all contestants."""
    batch = args.batch
    while True:
        try:
            with console.status(f'ResNet-50, {IMAGENET_SIZE} px, batch {batch}, {mode}'):
                inputs = torch.randn(batch, 3, IMAGENET_SIZE, IMAGENET_SIZE, device=args.device)
                labels = torch.randint(0, 1000, (batch,), device=args.device)
                models = {
                    name: _build(Config.fromfile(CONFIGS / path).model, args)
                    for name, path in CLASSIFIERS.items()
                }
                return _rows(f'ResNet-50, {IMAGENET_SIZE} px', batch, models, (inputs, labels), mode, args)
        except RuntimeError as error:  # torch's own for memory is one of them
            if 'memory' not in str(error) or batch <= MIN_BATCH:
                raise
            console.print(f'batch {batch} does not fit, trying {batch // 2}')
            batch //= 2


def _detectors(mode: str, args: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    """Faster R-CNN R50-FPN on images of COCO's size."""
    height, width = COCO_SIZE
    generator = torch.Generator().manual_seed(args.seed)
    inputs = torch.randn(args.images, 3, height, width, generator=generator).to(args.device)
    samples = []
    for _ in range(args.images):
        corner = torch.rand(OBJECTS, 2, generator=generator) * torch.tensor([width, height]) * 0.7
        size = 30 + torch.rand(OBJECTS, 2, generator=generator) * torch.tensor([width, height]) * 0.25
        shape = dict(img_shape=COCO_SIZE, pad_shape=COCO_SIZE, ori_shape=COCO_SIZE, scale_factor=(1.0, 1.0))
        sample = DetDataSample(metainfo={**shape, 'batch_input_shape': COCO_SIZE})
        labels = torch.randint(0, 80, (OBJECTS,), generator=generator)
        sample.gt_instances = InstanceData(bboxes=torch.cat([corner, corner + size], 1), labels=labels)
        samples.append(sample.to(args.device))
    models = {}
    with console.status(f'Faster R-CNN R50-FPN, {height} px, {args.images} images, {mode}'):
        for name, base in DETECTORS.items():
            cfg = Config.fromstring(f'_base_ = {base!r}', '.py')  # reads `mmdet::` as well
            cfg.model.backbone.init_cfg = None
            models[name] = _build(cfg.model, args)
        setting = f'Faster R-CNN R50-FPN, {height} px'
        return _rows(setting, args.images, models, (inputs, samples), mode, args)


def _build(cfg: Config, args: argparse.Namespace) -> torch.nn.Module:
    torch.manual_seed(args.seed)
    return MODELS.build(cfg).to(args.device).train()


def _step(model: torch.nn.Module, losses: Callable[[], dict]) -> Callable[[], None]:
    """Forward, backward and an SGD step that changes nothing, so that every repetition does the same work."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)

    def step() -> None:
        torch.manual_seed(0)  # the samplers of a detector draw: the same RoIs for every contestant
        loss, _ = model.parse_losses(losses())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _mixing(model: torch.nn.Module, losses: Callable[[], dict]) -> Callable[[], None] | None:
    """Forward and backward of the mixed losses alone, on what they are given in a step; None without any.

    A step varies by more than they cost. The backward ends at what they were given: what it adds to the
    gradients there goes on through the model as those of the other losses do.
    """
    modules = mixing_modules(model).values()
    calls: list[tuple[Callable, tuple]] = []
    for module in modules:
        module.losses = partial(_recorded, calls, module.losses)
    torch.manual_seed(0)
    losses()
    for module in modules:
        del module.losses
    wanted = []
    for value in (value for _, given in calls for value in given):
        if isinstance(value, torch.nn.Module):  # a classifier
            wanted += value.parameters()
        else:  # a tensor, or a list with one for each level of a feature pyramid
            wanted += filter(_has_gradient, value if isinstance(value, list) else [value])

    def step() -> None:
        terms = [term for compute, given in calls for term in compute(*given).values()]
        torch.autograd.grad(torch.stack(terms).sum(), wanted)

    return step if calls else None


def _recorded(calls: list[tuple[Callable, tuple]], compute: Callable, *given: Any) -> dict[str, torch.Tensor]:
    calls.append((compute, tuple(map(_leaf, given))))
    return compute(*given)


def _leaf(value: Any) -> Any:
    """What a loss is given, cut off from the model: a tensor, a list of them, or anything else as it is."""
    if isinstance(value, list):
        return [_leaf(part) for part in value]
    return value.detach().requires_grad_() if _has_gradient(value) else value


def _has_gradient(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _rows(
    setting: str,
    batch: int,
    models: dict[str, torch.nn.Module],
    inputs: tuple,
    mode: str,
    args: argparse.Namespace,
) -> list[dict[str, Any]]:
    """What every method takes, whole steps and its mixing alone in turn."""
    losses = {name: partial(model.loss, *inputs) for name, model in models.items()}
    steps = {(name, 'step'): _step(model, losses[name]) for name, model in models.items()}
    parts = {(name, 'mixing'): _mixing(model, losses[name]) for name, model in models.items()}
    steps |= {key: part for key, part in parts.items() if part is not None}
    times = interleaved(steps, args.device, args.repetitions, warmup=1)
    first = times[next(iter(models)), 'step']
    rows = []
    for name in models:
        values, mixing = times[name, 'step'], times.get((name, 'mixing'))
        # Turn by turn: the speed of a machine drifts by more than what is measured here.
        ratios = summary(values / first)
        row = dict(setting=setting, batch=batch, mode=mode, method=name, repetitions=args.repetitions)
        row |= {**summary(values), 'ratio': ratios['median'], 'ratios': ratios}
        if mixing is not None:
            row |= dict(mixing=summary(mixing), mixing_shares=summary(mixing / first))
        rows.append(row)
    return rows
