"""Wrong calls of the command line, each with the words that its one line has to have.

`{files}` is a folder that :func:`write_files` has filled, `{out}` an empty one, `{ce}`, `{detector}`, `{trained}`
and `{detected}` are good configs and their checkpoints, `{digits}` a detection set.
"""

from __future__ import annotations

import contextlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import torch
from cli import ROOT

from mmdet_multimix.checkpoints import read_checkpoint

CE = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
DETECTOR = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
FEW = {
    'train_dataloader.dataset.per_class': '(0,10)',
    'val_dataloader.dataset.per_class': '(0,5)',
    'test_dataloader.dataset.per_class': '(0,5)',
    'train_cfg.max_epochs': 1,
}


@dataclass(frozen=True)
class Call:
    """A wrong call.

    Attributes:
        name: Of the test.
        tool: File in `tools/`.
        arguments: The command line, a text.
        said: What must be in the line.
        options: Of `--cfg-options`.
        few: Whether the options of a quick training of the classifier are added.
    """

    name: str
    tool: str
    arguments: str
    said: str
    options: dict = field(default_factory=dict)
    few: bool = True


# Files that are no configs, and what is said of each.
CONFIGS = {
    'nowhere.py': 'does not exist',
    'folder': 'is a folder',
    'empty.py': 'is empty',
    'blank.yaml': 'is empty',
    'garbage.json': 'is no valid json',
    'garbage.yaml': 'is no valid yaml',
    'list.json': 'must hold keys and values, got a list',
    'notes.txt': 'must end in .py',
    'binary.py': 'is no text in UTF-8',
    'weights.pth': 'is a checkpoint by its name',
    'syntax.py': 'line 2: ',
    'indent.py': 'line 1: ',
    'divides.py': 'ZeroDivisionError: division by zero',
    'exits.py': 'cannot be read: SystemExit: 3',
    'name.py': "NameError: name 'nothing' is not defined",
    'imports.py': 'no_such_module',
    'no_base.py': 'does not exist',
    'no_package.py': 'no_such_package',
    'no_zoo.py': 'no/such.py',
    'number_base.py': '_base_ must be a path or a list of paths, got 3',
    'itself.py': 'its own base: itself.py -> itself.py',
    'circle_a.py': 'its own base: circle_a.py -> circle_b.py -> circle_a.py',
    'circle.yaml': 'its own base: circle.yaml -> circle.yaml',
    'syntax_in_base.py': 'syntax.py, line 2',
    'reserved.py': 'filename is reserved',
    'twice.py': 'Duplicate key',
    'nothing_in_it.py': 'model: the config has none',
    'model_only.py': 'train_dataloader: the config has none',
    'model_number.py': 'model must be a dict, got 3',
    'loader_list.py': 'train_dataloader must be a dict',
    'no_dataset.py': 'train_dataloader: it has no dataset',
    'hooks_text.py': "custom_hooks must be a list of dicts, got 'EMAHook'",
    'default_hooks_list.py': 'default_hooks must be a dict',
}
# Files that are no checkpoints, and what is said of each by every tool.
CHECKPOINTS = {
    'nowhere.pth': 'does not exist',
    'empty.pth': 'is empty',
    'garbage.pth': 'not loaded unsafely',
    'text.pth': 'not loaded unsafely',
    'image.pth': 'not loaded unsafely',
    'cut.pth': 'cut.pth',
    'zeros.pth': 'zeros.pth',
    'list.pth': 'holds a list, not a state dict',
    'tensor.pth': 'holds a Tensor, not a state dict',
    'state_list.pth': 'its state_dict is a list',
    'object.pth': 'object.pth',
    'weights.safetensors': 'weights.safetensors',
    'renamed_safetensors.pth': 'let its name end in .safetensors',
    'no_weights.pth': "'meta'",
    'other_key.pth': "'net'",
    'other_names.pth': 'other_names.pth',
}


def _configs() -> list[Call]:
    return [Call(f'train: {name}', 'train.py', f'{{files}}/{name} --work-dir {{out}}', said, few=False) for name, said in CONFIGS.items()] + [
        Call(f'{tool}: {name}', tool, f'{{files}}/{name} {{trained}} {out}', CONFIGS[name] if name not in ('model_number.py', 'nothing_in_it.py') else 'model', few=False)
        for name in ('nowhere.py', 'folder', 'empty.py', 'garbage.json', 'weights.pth', 'syntax.py', 'divides.py', 'no_base.py', 'itself.py', 'nothing_in_it.py', 'model_number.py')
        for tool, out in (('test.py', '--work-dir {out}'), ('evaluate.py', '--out {out}'))
    ] + [
        Call(f'{tool}: {name}', tool, f'{{files}}/{name} --work-dir {{out}} --dry-run', CONFIGS[name], few=False)
        for name in ('nowhere.py', 'folder', 'empty.py', 'garbage.json', 'weights.pth', 'syntax.py', 'divides.py', 'no_base.py', 'circle_a.py')
        for tool in ('sweep.py', 'transfer.py', 'compare.py')
    ]  # fmt: skip


WAYS = {
    'test': ('test.py', '{ce} PATH --work-dir {out}', {}),
    'evaluate': ('evaluate.py', '{ce} PATH --out {out} --measures accuracy', {}),
    'test detector': ('test.py', '{detector} PATH --work-dir {out}', {}),
    'evaluate detector': ('evaluate.py', '{detector} PATH --out {out} --measures ap', {}),
    'publish': ('publish_backbone.py', 'PATH {out}/backbone.pth', {}),
    'resume': ('train.py', '{ce} --work-dir {out} --resume PATH', {}),
    'load_from': ('train.py', '{ce} --work-dir {out}', {'load_from': 'PATH'}),
    'backbone': (
        'train.py',
        '{ce} --work-dir {out}',
        {'model.backbone.init_cfg.type': 'MultiMixPretrained', 'model.backbone.init_cfg.checkpoint': 'PATH'},
    ),
}

# These build a detector or a runner first: some of the files stand for the rest.
SLOW = ('test detector', 'evaluate detector', 'backbone')
FEW_NAMES = ('cut.pth', 'state_list.pth', 'weights.safetensors', 'other_key.pth')


def _checkpoints() -> list[Call]:
    found = []
    for way, (tool, arguments, options) in WAYS.items():
        for name in FEW_NAMES if way in SLOW else CHECKPOINTS:
            said = CHECKPOINTS[name]
            path = f'{{files}}/{name}'
            given = {key: path if value == 'PATH' else value for key, value in options.items()}
            if way == 'resume' and name in (
                'no_weights.pth',
                'other_key.pth',
                'other_names.pth',
            ):
                said = 'is not one that a run can go on from'
            found.append(
                Call(
                    f'{way}: {name}',
                    tool,
                    arguments.replace('PATH', path),
                    said,
                    given,
                    few='{ce}' in arguments,
                )
            )
    return found


TRAIN = '{ce} --work-dir {out}'
FOLDERS = [
    Call('train: work dir is a file', 'train.py', '{ce} --work-dir {files}/notes.txt', 'is a file'),
    Call('train: work dir in a file', 'train.py', '{ce} --work-dir {files}/notes.txt/run', 'is a file'),
    Call('train: work dir is a dead link', 'train.py', '{ce} --work-dir {files}/dead', 'leads nowhere'),
    Call('train: work dir of a long name', 'train.py', '{ce} --work-dir {out}/' + 300 * 'x', 'too long'),
    Call('train: work dir in /proc', 'train.py', '{ce} --work-dir /proc/nowhere/run', '/proc'),
    Call('test: work dir is a file', 'test.py', '{ce} {trained} --work-dir {files}/notes.txt', 'is a file'),
    Call('test: out is a folder', 'test.py', '{ce} {trained} --work-dir {out} --out {files}/a.pkl', 'is a folder'),
    Call('test: out in a file', 'test.py', '{ce} {trained} --out {files}/notes.txt/a.pkl', 'is a file'),
    Call('test: out of another kind', 'test.py', '{ce} {trained} --out {out}/a.json', '--out must end in .pkl'),
    Call('test: show dir of a classifier', 'test.py', '{ce} {trained} --work-dir {out} --show-dir a', '--show-dir'),
    Call('evaluate: out is a file', 'evaluate.py', '{ce} {trained} --out {files}/notes.txt', 'is a file'),
    Call('evaluate: out in a file', 'evaluate.py', '{ce} {trained} --out {files}/notes.txt/a', 'is a file'),
    Call('evaluate detector: out is a file', 'evaluate.py', '{detector} {detected} --out {files}/notes.txt', 'is a file', few=False),
    Call('publish: out is a folder', 'publish_backbone.py', '{trained} {out}', 'exists already'),
    Call('publish: out is a folder, forced', 'publish_backbone.py', '{trained} {out} --force', 'is a folder'),
    Call('publish: out in a file', 'publish_backbone.py', '{trained} {files}/notes.txt/a.pth', 'is a file'),
    Call('publish: out is there', 'publish_backbone.py', '{trained} {files}/notes.txt', 'exists already'),
    *(
        Call(f'{tool}: work dir is a file', tool, f'{experiment} --work-dir {{files}}/notes.txt', 'is a file', few=False)
        for tool, experiment in (
            ('sweep.py', 'configs/sweeps/signal_digits.py --dry-run'),
            ('transfer.py', 'configs/transfer/digits.py --dry-run'),
            ('compare.py', 'configs/compare/digits.py --dry-run'),
            ('demo.py', ''),
            ('try_zoo.py', '--only retinanet/retinanet_r18'),
        )
    ),
    *(
        Call(f'{tool}: work dir with a blank', tool, f'{experiment} --work-dir {{out}}/a[b', 'would not carry', few=False)
        for tool, experiment in (
            ('sweep.py', 'configs/sweeps/signal_digits.py --dry-run'),
            ('transfer.py', 'configs/transfer/digits.py --dry-run'),
            ('compare.py', 'configs/compare/digits.py --dry-run'),
            ('demo.py', ''),
        )
    ),
    *(
        Call(f'{tool}: out {kind}', tool, f'{flags} --out {path}', said, few=False)
        for tool, flags in (('show_mixing.py', ''), ('show_signal.py', ''))
        for kind, path, said in (
            ('is a folder', '{out}', 'is a folder'),
            ('in a file', '{files}/notes.txt/a.png', 'is a file'),
            ('of no kind of picture', '{out}/a.xyz', 'must end in one of'),
            ('without an end', '{out}/a', 'must end in one of'),
        )
    ),
    *(
        Call(f'{tool} {flags}: out is a file', tool, f'{flags} --out {{files}}/notes.txt', 'is a file', few=False)
        for tool, flags in (
            ('benchmark.py', 'ops'),
            ('benchmark.py', 'step'),
            ('benchmark.py', 'measures'),
            ('gradient_variance.py', ''),
        )
    ),
]  # fmt: skip
FLAGS = [
    Call(f'{tool}: {flags or "nothing"}', tool, flags, said, few=False)
    for tool, flags, said in (
        ('train.py', '', 'required: config'),
        ('train.py', '{ce} --work-dir', 'expected one argument'),
        ('train.py', '{ce} --cfg-options a', "takes KEY=VALUE, got 'a'"),
        ('train.py', '{ce} --cfg-options =1', "takes KEY=VALUE, got '=1'"),
        ('train.py', '{ce} --cfg-options a=[1,2', 'brackets'),
        ('train.py', '{ce} --cfg-options custom_imports.imports=no_such_package', 'cannot be imported'),
        ('train.py', '{ce} --launcher torchrun', 'invalid choice'),
        ('train.py', '{ce} --launcher pytorch', 'needs RANK, WORLD_SIZE in the environment; start it by torchrun'),
        ('train.py', '{ce} --launcher slurm', 'needs SLURM_PROCID, SLURM_LOCALID, SLURM_NTASKS in the environment; start it by srun'),
        ('train.py', '{ce} --launcher mpi', 'OMPI_COMM_WORLD_SIZE in the environment; start it by mpirun'),
        ('train.py', '{ce} --local_rank x', 'invalid int'),
        ('train.py', '{ce} --epochs 3', 'unrecognized arguments'),
        ('train.py', '{detector} --work-dir {out} --auto-scale-lr', '--auto-scale-lr needs'),
        ('test.py', '', 'required: config, checkpoint'),
        ('test.py', '{ce}', 'required: checkpoint'),
        ('evaluate.py', '{ce}', 'required: checkpoint'),
        ('evaluate.py', '{ce} {trained} --measures accuracies', 'unknown measures'),
        ('evaluate.py', '{ce} {trained} --measures', 'expected at least one'),
        ('evaluate.py', '{ce} {trained} --ood {files}/nowhere', 'no folder'),
        ('evaluate.py', '{ce} {trained} --ood {out}', 'no image in'),
        ('evaluate.py', '{ce} {trained} --ood =x', '--ood takes'),
        ('evaluate.py', '{ce} {trained} --ood a={out} a={out}', 'two folders'),
        ('evaluate.py', '{ce} {trained} --ood uniform={out}', 'needs another name'),
        ('evaluate.py', '{ce} {trained} --fgsm-eps nan', 'fgsm_eps must be a finite number'),
        ('evaluate.py', '{ce} {trained} --pgd-eps -1', 'pgd_eps must be in (0, 1]'),
        ('evaluate.py', '{ce} {trained} --pgd-steps 0', 'pgd_steps must be'),
        ('evaluate.py', '{ce} {trained} --attack-images 0', 'attack_images must be'),
        ('evaluate.py', '{ce} {trained} --corrupted-images -3', 'corrupted_images must be'),
        ('evaluate.py', '{ce} {trained} --severities 6', 'invalid choice'),
        ('evaluate.py', '{ce} {trained} --corruptions rain', 'invalid choice'),
        ('evaluate.py', '{ce} {trained} --weights ema', 'no averaged weights'),
        ('evaluate.py', '{ce} {trained} --weights both', 'invalid choice'),
        ('evaluate.py', '{ce} {trained} --device tpu', 'device tpu'),
        ('evaluate.py', '{ce} {trained} --device cuda:99', 'device cuda:99'),
        ('evaluate.py', '{ce} {trained} --seed -1', 'seed must be a whole number'),
        ('evaluate.py', '{detector} {detected} --measures pgd', 'of a detector, choose among ap,'),
        ('evaluate.py', '{detector} {detected} --score-thr 2', 'score_thr must be in (0, 1]'),
        ('evaluate.py', '{detector} {detected} --fit-on train', 'invalid choice'),
        ('evaluate.py', '{detector} {trained} --measures ap', 'is of another model'),
        ('evaluate.py', '{ce} {detected} --measures accuracy', 'is not one of the model'),
        ('test.py', '{detector} {trained} --work-dir {out}', 'is of another model'),
        ('test.py', '{ce} {detected} --work-dir {out}', 'is of another model'),
        ('train.py', '{detector} --multimix n', "takes KEY=VALUE, got 'n'; the config stands before it"),
        ('train.py', '{detector} --multimix n=0', 'n must be at least 1'),
        ('train.py', '{detector} --multimix nn=3', "no setting 'nn'"),
        ('train.py', '{detector} --multimix gather=no', 'gather must be True or False'),
        ('train.py', '{detector} --multimix alpha=(1,2', 'brackets'),
        ('prepare_dataset.py', '', 'required: input'),
        ('prepare_dataset.py', '{files}/nowhere', 'nowhere'),
        ('prepare_dataset.py', '{files}/notes.txt', 'notes.txt'),
        ('prepare_dataset.py', '{files}/folder --output {out}', 'folder'),
        ('prepare_dataset.py', '{digits} --output {files}/notes.txt', 'notes.txt'),
        ('prepare_dataset.py', '{digits} --output {out} --split 2', 'split'),
        ('prepare_dataset.py', '{digits} --output {out} --split nan', 'split'),
        ('prepare_dataset.py', '{digits} --output {out} --seed -1', 'must be from 0'),
        ('prepare_dataset.py', '{digits} --output {out} --format mat', 'invalid choice'),
        ('prepare_dataset.py', '{digits} --output {out} --format yolo', 'prepare_dataset'),
        ('prepare_dataset.py', '{digits} --output {out} --classes unicorn', 'unicorn'),
        ('publish_backbone.py', '{trained}', 'required: OUT'),
        ('publish_backbone.py', '{files} {out}/a.pth', 'does not exist'),
        ('sweep.py', '', 'required: experiment'),
        ('sweep.py', 'configs/sweeps/signal_digits.py --jobs 0', 'must be from 1'),
        ('sweep.py', 'configs/sweeps/signal_digits.py --jobs two', 'must be a whole number'),
        ('sweep.py', 'configs/sweeps/signal_digits.py --gpus-per-cell -1', 'must be from 0'),
        ('sweep.py', 'configs/sweeps/signal_digits.py --gpus-per-cell 64', 'there are'),
        ('sweep.py', 'configs/sweeps/signal_digits.py --profile {files}/nowhere', 'does not exist'),
        ('sweep.py', '{ce} --work-dir {out} --dry-run', 'lacks'),
        ('transfer.py', '{ce} --work-dir {out} --dry-run', 'lacks'),
        ('compare.py', '{ce} --work-dir {out} --dry-run', 'lacks'),
        ('compare.py', 'configs/compare/digits.py --methods nothing --dry-run', "no method 'nothing'"),
        ('compare.py', 'configs/compare/digits.py --cost --methods mixup', 'leave --methods out'),
        ('compare.py', 'configs/compare/digits.py --cost --repetitions 0', 'must be from 1'),
        ('demo.py', '--seeds 0', 'must be from 1'),
        ('demo.py', '--seeds 1.5', 'must be a whole number'),
        ('benchmark.py', '', 'required: command'),
        ('benchmark.py', 'unknown', 'invalid choice'),
        ('benchmark.py', 'ops --repetitions 0', 'must be from 1'),
        ('benchmark.py', 'ops --repetitions 1' + 30 * '0', 'must be from 1'),
        ('benchmark.py', 'ops --cases nothing --out {out}', 'no setting has'),
        ('benchmark.py', 'ops --device tpu', 'invalid choice'),
        ('benchmark.py', 'ops --device cuda --out {out}', 'CUDA'),
        ('benchmark.py', 'step --images 0', 'must be from 1'),
        ('benchmark.py', 'step --batch 1', 'must be from 2'),
        ('benchmark.py', 'step --only segmenter', 'invalid choice'),
        ('benchmark.py', 'measures --images 0', 'must be from 1'),
        ('benchmark.py', 'measures --detections 0', 'must be from 1'),
        ('gradient_variance.py', '--factors 0', 'must be from 1'),
        ('gradient_variance.py', '--epochs', 'expected at least one'),
        ('gradient_variance.py', '--epochs 0', 'must be from 1'),
        ('gradient_variance.py', '--repeats 1', 'must be from 2'),
        ('gradient_variance.py', '--batch-size 1', 'must be from 2'),
        ('gradient_variance.py', '--seed -1', 'must be from 0'),
        ('gradient_variance.py', '--config {ce} --out {out}', 'no method with factors K'),
        ('gradient_variance.py', '--config {files}/syntax.py --out {out}', 'line 2'),
        ('gradient_variance.py', '--config {files}/nowhere.py --out {out}', 'does not exist'),
        ('make_configs.py', '--out x', 'unrecognized arguments'),
        ('show_mixing.py', '--out', 'expected one argument'),
        ('show_signal.py', 'x', 'unrecognized arguments'),
        ('try_zoo.py', '--jobs 0', 'must be from 1'),
        ('try_zoo.py', '--only no_such_detector', 'no config of mmdet has'),
    )
]  # fmt: skip
# Overrides of the classifier's or the detector's config, and what is said of each.
OVERRIDES = [
    *(
        Call(f'train: {key}={value}', 'train.py', TRAIN, said, {key: value})
        for key, value, said in (
            ('model.type', 'Nothing', 'Nothing'),
            ('model.backbone.type', 'ResNeXtt', 'ResNeXtt'),
            ('model.backbone.depth', 19, 'depth'),
            ('model.backbone.depht', 18, 'depht'),
            ('model.backbone', 'ResNet', 'backbone'),
            ('model.head.num_classes', 9, 'num_classes'),
            ('model.head.num_classes', 12, 'num_classes'),
            ('model.head.num_classes', 1, 'num_classes must be at least 2'),
            ('model.head.num_classes', 'ten', 'num_classes must be an integer'),
            ('model.head.in_channels', 3, 'in_channels'),
            ('model.head.type', 'Head', 'Head'),
            ('model.head.multimix', 3, 'multimix'),
            ('model.method', 'InputMixup', 'method'),
            ('model.method.type', 'Mixup', 'Mixup'),
            ('optim_wrapper.type', 'Nothing', 'Nothing'),
            ('optim_wrapper.optimizer.type', 'SGDD', 'SGDD'),
            ('optim_wrapper.optimizer.lr', -1, 'Invalid learning rate'),
            ('optim_wrapper.optimizer.lr', 'fast', 'lr'),
            ('optim_wrapper.optimizer.momentumm', 1, 'momentumm'),
            ('optim_wrapper.optimizer', 3, 'optimizer'),
            ('train_cfg.max_epochs', -1, 'max_epochs'),
            ('train_cfg.max_epochs', 'many', 'max_epochs'),
            ('train_cfg.type', 'Loop', 'Loop'),
            ('train_cfg.nothing', 1, 'nothing'),
            ('train_dataloader.batch_size', 0, 'batch_size'),
            ('train_dataloader.batch_size', 10000, 'no batch of 10000'),
            ('train_dataloader.batch_size', 'big', 'batch_size'),
            ('train_dataloader.num_workers', -1, 'num_workers'),
            ('train_dataloader.sampler.type', 'Sampler', 'Sampler'),
            ('train_dataloader.dataset.type', 'DigitDataset', 'DigitDataset'),
            ('train_dataloader.dataset.split', 'training', 'split must be one of'),
            ('train_dataloader.dataset.per_class', '(10,0)', 'per_class'),
            ('train_dataloader.dataset.per_class', 5, 'per_class must be (start, stop)'),
            ('train_dataloader.dataset.per_class', '(0,5,7)', 'per_class must be (start, stop)'),
            ('train_dataloader.dataset.seed', -1, 'seed must be a whole number'),
            ('train_dataloader.dataset.root', 'data', 'root'),
            ('train_dataloader.dataset.transforms', 3, 'transforms'),
            ('train_dataloader.dataset.transforms.0.type', 'Resized', 'Resized'),
            ('train_dataloader.dataset.transforms.9.type', 'Resize', 'transforms.9.type=Resize does not fit'),
            ('train_dataloader.dataset', 'digits', 'dataset'),
            ('val_evaluator.type', 'Accuracy', 'Accuracy'),
            ('val_evaluator.topk', 5, 'topk'),
            ('val_evaluator.topk', '(1,50)', 'topk'),
            ('val_dataloader', 'None', 'val'),
            ('default_hooks.checkpoint.type', 'Hook1', 'Hook1'),
            ('default_hooks.checkpoint.intervall', 1, 'intervall'),
            ('default_hooks.logger.interval', 'often', 'interval'),
            ('default_scope', 'nothing', 'nothing'),
            ('runner_type', 'MyRunner', 'MyRunner'),
            ('randomness.seed', 'zero', 'seed'),
            ('randomness', 3, 'randomness must be a dict'),
            ('load_from', '{files}', 'load_from'),
            ('model.0.type', 'a', "keyword argument '0'"),
        )
    ),
    *(
        Call(f'train detector: {key}={value}', 'train.py', '{detector} --work-dir {out}', said, {key: value}, few=False)
        for key, value, said in (
            ('train_dataloader.dataset.ann_file', 'nowhere.json', 'does not exist'),
            ('train_dataloader.dataset.ann_file', '{files}/notes.txt', 'notes.txt'),
            ('train_dataloader.dataset.ann_file', '{files}/folder', 'folder'),
            ('train_dataloader.dataset.ann_file', 3, 'ann_file'),
            ('train_dataloader.dataset.data_root', '/nowhere/', 'does not exist'),
            ('train_dataloader.dataset.data_prefix.img', 'nowhere/', 'nowhere'),
            ('train_dataloader.dataset.metainfo.classes', 'digit', 'digit'),
            ('train_dataloader.dataset.metainfo', 3, 'metainfo'),
            ('train_dataloader.dataset.pipeline', 3, 'pipeline'),
            ('train_dataloader.dataset.pipeline.0.type', 'LoadImage', 'LoadImage'),
            ('val_evaluator.ann_file', 'nowhere.json', 'nowhere.json'),
            ('val_evaluator.metric', 'boxes', 'boxes'),
            ('model.roi_head.bbox_head.num_classes', 3, 'num_classes'),
            ('model.roi_head.bbox_head.type', 'BoxHead', 'BoxHead'),
            ('model.rpn_head.type', 'RPN', 'RPN'),
            ('model.test_cfg', 3, 'test_cfg'),
            ('custom_hooks.0.type', 'MultiMixx', 'MultiMixx'),
            ('custom_hooks.0', 3, 'custom_hooks'),
        )
    ),
]  # fmt: skip
HOOK = "dict(type='MultiMixHook', {})"
HOOKS = {
    'n=0': 'n must be at least 1',
    'within_image=True, gather=True': 'choose one of them',
    'ramp=2, stop=1, by_epoch=False': 'stop must come after',
    'ramp=2': 'set by_epoch=False',
    'loss_weigth=1': 'loss_weigth',
    'alpha=1, ess=2': 'give one of them',
}


def calls() -> list[Call]:
    """All of them."""
    hooks = [
        Call(f'train detector: MultiMixHook({options})', 'train.py', f'{{files}}/hook_{i}.py --work-dir {{out}}', said, few=False)
        for i, (options, said) in enumerate(HOOKS.items())
    ]  # fmt: skip
    return [*_configs(), *_checkpoints(), *FOLDERS, *FLAGS, *OVERRIDES, *hooks]


def write_files(folder: Path, trained: Path, digits: Path) -> None:
    """Fills a folder with what the calls are given.

    Args:
        folder: The folder.
        trained: A checkpoint of the classifier.
        digits: The detection set.
    """
    base = f"_base_ = '{CE}'\n"
    texts = {
        'empty.py': '',
        'blank.yaml': '\n\n',
        'garbage.json': '{"model": ',
        'garbage.yaml': 'model: [1, 2\nb: }',
        'list.json': '[1, 2]',
        'notes.txt': 'model = dict()',
        'weights.pth': 'x',
        'syntax.py': base + 'model = dict(\n',
        'indent.py': '  model = 3\n',
        'divides.py': base + 'lr = 1 / 0\n',
        'exits.py': base + 'raise SystemExit(3)\n',
        'name.py': base + 'lr = nothing\n',
        'imports.py': base
        + "custom_imports = dict(imports=['no_such_module'], allow_failed_imports=False)\n",
        'no_base.py': "_base_ = './nowhere_at_all.py'\n",
        'no_package.py': "_base_ = 'no_such_package::a/b.py'\n",
        'no_zoo.py': "_base_ = 'mmdet::no/such.py'\n",
        'number_base.py': '_base_ = 3\n',
        'itself.py': "_base_ = './itself.py'\n",
        'circle_a.py': "_base_ = './circle_b.py'\n",
        'circle_b.py': "_base_ = './circle_a.py'\n",
        'circle.yaml': '_base_: ./circle.yaml\n',
        'syntax_in_base.py': "_base_ = './syntax.py'\n",
        'reserved.py': base + "filename = 'a'\n",
        'twice.py': f"_base_ = ['{CE}', '{CE}']\n",
        'nothing_in_it.py': '# a config\n',
        'model_only.py': "model = dict(type='FasterRCNN')\n",
        'model_number.py': base + 'model = 3\n',
        'loader_list.py': base + 'train_dataloader = [3]\n',
        'no_dataset.py': base + 'train_dataloader = dict(_delete_=True, batch_size=2)\n',
        'hooks_text.py': base + "custom_hooks = 'EMAHook'\n",
        'default_hooks_list.py': base + 'default_hooks = [3]\n',
    }
    for i, options in enumerate(HOOKS):
        texts[f'hook_{i}.py'] = (
            f"_base_ = '{detector_config(folder)}'\ncustom_hooks = [{HOOK.format(options)}]\n"
        )
    for name, text in texts.items():
        (folder / name).write_text(text)
    write_detector(folder, digits)
    (folder / 'binary.py').write_bytes(b'\xff\xfe\x00model')
    (folder / 'dead').symlink_to(folder / 'nowhere_at_all')
    for name in ('folder', 'a.pkl'):
        (folder / name).mkdir()
    _write_checkpoints(folder, trained)


def detector_config(folder: Path) -> Path:
    """The config of the detector with its data."""
    return folder / 'detector.py'


def write_detector(folder: Path, digits: Path) -> None:
    """Writes that config: a quick training on the tiny set."""
    data = f"dataset=dict(data_root='{digits}/')"
    evaluator = f"dict(ann_file='{digits}/annotations/val.json')"
    detector_config(folder).write_text(
        f"""_base_ = '{DETECTOR}'
train_cfg = dict(max_iters=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
train_dataloader = dict(batch_size=2, {data})
val_dataloader = dict({data})
test_dataloader = dict({data})
val_evaluator = {evaluator}
test_evaluator = {evaluator}
"""
    )


class _Object:
    """What a weights-only load refuses."""


def _write_checkpoints(folder: Path, trained: Path) -> None:
    state = read_checkpoint(trained)['state_dict']
    contents = {
        'list.pth': [1, 2],
        'tensor.pth': torch.ones(2),
        'state_list.pth': {'meta': {}, 'state_dict': [1, 2]},
        'object.pth': {'state_dict': _Object()},
        'no_weights.pth': {'meta': {'epoch': 1}, 'epoch': 3},
        'other_key.pth': {'net': dict(state), 'step': 3},
        'other_names.pth': {'state_dict': {f'encoder.x{i}': torch.ones(3) for i in range(9)}},
    }
    for name, content in contents.items():
        torch.save(content, folder / name)
    data = trained.read_bytes()
    (folder / 'empty.pth').touch()
    (folder / 'garbage.pth').write_bytes(bytes(range(255, 0, -1)) * 9)
    (folder / 'text.pth').write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n')
    (folder / 'image.pth').write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(99))
    (folder / 'cut.pth').write_bytes(data[: len(data) // 2])
    (folder / 'zeros.pth').write_bytes(data[:2000] + bytes(len(data) - 2000))
    header = json.dumps({'a': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]}}).encode()
    for name in ('weights.safetensors', 'renamed_safetensors.pth'):
        (folder / name).write_bytes(struct.pack('<Q', len(header)) + header + bytes(4))


def command(call: Call, places: dict[str, Path]) -> tuple[list[str], dict | None]:
    """The arguments and overrides of a call.

    Args:
        call: The call.
        places: What `{files}` and the other names stand for.
    """

    def filled(text: str) -> str:
        with contextlib.suppress(KeyError, IndexError, ValueError):
            return text.format(**places)
        return text

    options = {**(FEW if call.few else {}), **call.options}
    options = {key: filled(value) if isinstance(value, str) else value for key, value in options.items()}
    if call.tool not in ('train.py', 'test.py', 'evaluate.py') or '--cfg-options' in call.arguments:
        options = {}
    return [filled(part) for part in call.arguments.split()], options or None


def judged(call: Call, code: int, said: str) -> str:
    """How a wrong call ended: `'clear'`, `'traceback'`, `'late'`, `'silent'`, or `'unclear'`."""
    if code == 0:
        return 'silent'
    if 'Traceback (most recent call last)' in said:
        return 'traceback'
    if any(sign in said for sign in ('Epoch(train)', 'Epoch(test)', '[1/')):
        return 'late'
    return 'clear' if code in (1, 2) and call.said in said else 'unclear'
