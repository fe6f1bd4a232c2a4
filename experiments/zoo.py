"""A walk through the configs that mmdet ships: one step of each kind of detector with `MultiMixHook`.

Two configs are of one kind if they have the same detector, RoI head and sampler, classifying heads and
classification losses. Of each kind one config is tried, made cheap: no pretrained weights, two small images,
few RoIs, ResNet-18. It is trained for one step by mmengine's Runner, with the hook and without, from the
same weights and seed.
"""

from __future__ import annotations

import copy
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from mmdet_multimix.checks.walk import nodes
from mmdet_multimix.models.detection.example_choice import ExampleChoice
from mmdet_multimix.models.detection.mixable_heads import SHOWN, bbox_heads, unknown
from mmdet_multimix.utils.registered import class_name

from .zoo_data import VIDEOS, Samples
from .zoo_kinds import ROOT, each, short

OUTCOMES = ('mixed', 'refused', 'not triable', 'wrong', 'crashed')
_CHEAP = {
    'num': {512: 64, 256: 64},
    'max_per_img': {2000: 100, 1000: 100},
    'nms_pre': {2000: 200},
    'num_queries': {900: 60, 300: 60},
}
# Weights that would be downloaded, and what a step of training does not need.
_LEFT_OUT = ('init_cfg', 'pretrained', 'teacher_ckpt', 'checkpoint', 'batch_augments', 'tracker')


def walk(kinds: dict, *, jobs: int = 1, force: bool = False, tell: Callable[[dict], None]) -> None:
    """Tries one config of each kind, the next one where that cannot be trained even without the hook.

    Args:
        kinds: From :func:`kinds`.
        jobs: Processes.
        force: Whether heads that nobody has tried are mixed, too.
        tell: Told the result of :func:`try_config`, with `kind` and the number of `files`, when it is there.
    """
    tasks = [(kind, files, force) for kind, files in kinds.items()]
    for (kind, files, _), result in each(_try_kind, tasks, jobs):
        tell(dict(kind=list(kind), files=len(files), **result))


def try_config(path: str | Path, *, force: bool = False) -> dict[str, Any]:
    """One training step of a config with the hook, and one without.

    Returns:
        `config`; `outcome`, one of :data:`OUTCOMES`; `reason`, of all but the mixed; `heads`, for each that
        was mixed its class, its form of the loss and how many examples were mixed.
    """
    result: dict[str, Any] = dict(config=str(Path(path).relative_to(ROOT)), heads={})
    init_default_scope('mmdet')
    try:
        model, samples = _build(Config.fromfile(path).model)
    except Exception as error:  # whatever mmdet or a library that is not there says
        return {**result, 'outcome': 'not triable', 'reason': short(error)}
    hook = dict(type='MultiMixHook', n=50, among='balanced', interval=1, force=force)
    probe = _Probe()
    try:
        mixed = _step(copy.deepcopy(model), samples, hook, probe)
    except ValueError as error:
        if str(error).startswith('MultiMixHook can be added to none'):
            reason = ' '.join(str(error).partition(':')[2].split()).removeprefix('- ')
            return {**result, 'outcome': 'refused', 'reason': reason}
        mixed = error
    except Exception as error:
        mixed = error
    try:
        plain = _step(copy.deepcopy(model), samples)
    except Exception as error:
        return {**result, 'outcome': 'not triable', 'reason': short(error)}
    if isinstance(mixed, Exception):
        trace = ''.join(traceback.format_exception(mixed)[-3:])
        return {**result, 'outcome': 'crashed', 'reason': f'{short(mixed)}\n{trace}'}
    result['heads'] = probe.heads
    changed = _changed(plain, mixed)
    if changed:  # once more: torch may round a sum by where in memory it lies, with or without us
        again = _step(copy.deepcopy(model), samples), _step(copy.deepcopy(model), samples, hook, _Probe())
        changed = _changed(plain, mixed) - _changed(plain, again[0]) - _changed(mixed, again[1])
    reason = _fault(mixed, probe, samples, type(model).__name__)
    if changed:
        key = min(changed)
        values = f'{mixed.get(key)} with the hook, {plain[key]} without'
        reason = f'{key} is not the same to the bit: {values}'
    return {**result, 'outcome': 'wrong' if reason else 'mixed', 'reason': reason}


def missing(results: list[dict]) -> tuple[set[str], set[str]]:
    """Heads that the results show and the list of the package does not, and the other way round."""
    shown = {
        head['class']
        for result in results
        if result['outcome'] == 'mixed'
        for head in result['heads'].values()
    }
    return {name for name in shown if name not in SHOWN}, set(SHOWN) - shown


def table(results: list[dict]) -> str:
    """The outcomes in Markdown: how many, and what was mixed and refused."""
    counts = Counter(result['outcome'] for result in results)
    lines = ['| outcome | kinds | configs |', '|---|---|---|']
    for outcome in OUTCOMES:
        files = sum(result['files'] for result in results if result['outcome'] == outcome)
        lines.append(f'| {outcome} | {counts[outcome]} | {files} |')
    lines += ['', '| config | outcome | heads, or the reason |', '|---|---|---|']
    for result in results:
        heads = Counter(f'{head["class"]} ({head["form"]})' for head in result['heads'].values())
        text = ', '.join(f'{name} x {count}' if count > 1 else name for name, count in heads.items())
        reason = (result['reason'] or text).split('\n')[0].replace('|', '/')
        lines.append(f'| {result["config"]} | {result["outcome"]} | {reason} |')
    return '\n'.join(lines) + '\n'


class _QuietRunner(Runner):
    """Without the report on the environment, which takes longer than the step."""

    def _log_env(self, env_cfg: dict) -> None:
        pass


class _Probe(Hook):
    """What the step gave: the losses, and of each head that mixes what was mixed."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.losses: dict[str, torch.Tensor] = {}
        self.heads: dict[str, dict] = {}
        self.examples: dict[str, tuple[torch.Tensor, torch.Tensor | None]] = {}

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        for module in runner.model.modules():
            if isinstance(module, ExampleChoice):
                module.record = True

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        self.losses = {key: value.detach().clone() for key, value in outputs.items()}
        for name, head in bbox_heads(runner.model).items():
            mix = getattr(head, 'multimix', None)
            if mix is None:
                continue
            labels = mix.mixed_labels
            labels = torch.zeros(0).long() if labels is None else labels
            if labels.is_floating_point():
                background = 1 - labels.sum(dim=1, keepdim=True).ceil().clamp(max=1)
                labels = torch.cat([labels, background], dim=1).argmax(dim=1)
            last = getattr(head, 'num_classes', 0)
            objects = labels < last
            self.heads[name] = {
                'class': type(head).__name__,
                'form': mix.form.kind,
                'examples': len(labels),
                'objects': int(objects.sum()),
                'forced': unknown(type(head)) is not None,
            }
            origins = mix.mixed_origins
            self.examples[name] = labels[objects], None if origins is None else origins[objects, 0]


def _changed(plain: dict, other: dict) -> set[str]:
    """The losses of a step that another step of the same weights and seed has otherwise."""
    own = set(plain) - {'loss'}
    return {key for key in own if key not in other or not torch.equal(plain[key], other[key])}


def _fault(mixed: dict, probe: _Probe, samples: Samples, detector: str) -> str | None:
    """What is wrong with what was mixed, if anything is."""
    ours = {key: value for key, value in mixed.items() if 'multimix' in key}
    if not ours or not all(bool(torch.isfinite(value)) for value in ours.values()):
        return 'loss_multimix is missing or not finite'
    if not any(float(value) > 0 for value in ours.values()):
        return 'loss_multimix is zero'
    image_of = [samples.labels_of(index) for index in range(len(samples))]
    for name, (labels, images) in probe.examples.items():
        if not len(labels) and detector != 'SoftTeacher':  # which ends with images without labels
            return f'{name} mixed no object'
        if not set(labels.tolist()) <= set().union(*image_of):
            return f'{name} mixed labels that no object has'
        if images is None and detector not in VIDEOS:
            return f'the images of the examples of {name} are not known'
        if images is not None and detector != 'SoftTeacher':
            pairs = zip(labels.tolist(), images.tolist(), strict=True)
            # TridentNet repeats the images, once for each branch.
            if not all(label in image_of[int(image) % len(image_of)] for label, image in pairs):
                return f'{name} mixed labels that are of another image'
    return None


def _step(model: nn.Module, samples: Samples, *hooks: Any) -> dict[str, torch.Tensor]:
    probe = next((hook for hook in hooks if isinstance(hook, _Probe)), None) or _Probe()
    with tempfile.TemporaryDirectory() as folder:
        runner = _QuietRunner(
            model=model,
            work_dir=folder,
            train_dataloader=dict(
                dataset=samples,
                batch_size=len(samples),
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='pseudo_collate'),
            ),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
            train_cfg=dict(by_epoch=False, max_iters=1),
            custom_hooks=[*(hook for hook in hooks if hook is not probe), probe],
            default_hooks=dict(checkpoint=None, logger=None),
            default_scope='mmdet',
            randomness=dict(seed=0),
            log_level='ERROR',
            experiment_name=f'{Path(folder).name}_{len(hooks)}',
        )
        runner.train()
    return probe.losses


def _build(model: Any) -> tuple[nn.Module, Samples]:
    """The detector of a config, made cheap, and data for it."""
    model = copy.deepcopy(model)
    for _, part in nodes(model, ''):
        for key, value in part.items():
            if key in _LEFT_OUT:
                part[key] = None
            elif key in _CHEAP and isinstance(value, int):
                part[key] = _CHEAP[key].get(value, value)
            elif key == 'eps' and not value:
                part[key] = 1e-5  # torch has come to refuse zero
            elif key == 'backbone' and isinstance(value, dict):
                _use_resnet18(part)
    if 'teacher_config' in model:
        model.teacher_config = str(ROOT / str(model.teacher_config).removeprefix('configs/'))
    numbers = [part.get('num_classes') for _, part in nodes(model, '')]
    samples = Samples(model, min((number for number in numbers if isinstance(number, int)), default=1))
    torch.manual_seed(0)
    built = MODELS.build(model)
    built.init_weights()
    return revert_sync_batchnorm(built), samples


def _use_resnet18(model: Any) -> None:
    """In place of ResNet-50, where only the neck knows how wide its stages are."""
    backbone, neck = model['backbone'], model.get('neck')
    neck = neck[0] if isinstance(neck, list) else neck
    widths = neck.get('in_channels') if isinstance(neck, dict) else None
    plain = class_name(backbone.get('type')) == 'ResNet' and not {'dcn', 'plugins'} & set(backbone)
    if plain and isinstance(widths, list) and set(widths) <= {256, 512, 1024, 2048}:
        backbone['depth'] = 18
        neck['in_channels'] = [width // 4 for width in widths]


def _try_kind(task: tuple) -> dict:
    kind, files, force = task
    if kind[0] == 'unreadable':
        return dict(config=str(files[0].relative_to(ROOT)), heads={}, outcome='not triable', reason=kind[1])
    for path in files[:3]:
        result = try_config(path, force=force)
        if result['outcome'] != 'not triable':
            break
    return result
