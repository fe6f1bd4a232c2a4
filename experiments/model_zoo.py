"""The model zoo: for each shipped config what it trains, the command, its cost, and what was measured.

Everything is read from the configs and from the figures in docs/images, or is arithmetic.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdet_multimix.checks import dataset_leaves
from mmdet_multimix.datasets import DIGIT_SPLITS

from .model_cost import ModelCost, model_cost

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs'
IMAGES = ROOT / 'docs' / 'images'
# Data sets by what their config says: title, training images, the metric that is reported.
_SETS = {
    'ImageFolderDataset data/imagenet': ('ImageNet-1k', 1281167),
    'CIFAR10Dataset data/cifar10': ('CIFAR-10', 50000),
    'CIFAR100Dataset data/cifar100': ('CIFAR-100', 50000),
    'ImageFolderDataset data/cifar10': ('CIFAR-10', 50000),
    'TinyImageNetDataset data/tiny-imagenet-200': ('TinyImageNet', 100000),
    'DigitsDataset': ('scikit-learn digits', 10 * DIGIT_SPLITS['pretrain_train']),
    'CocoDataset data/coco/': ('COCO 2017', 118287),
    'VOCDataset data/VOCdevkit/': ('VOC 07+12', 5011 + 11540),
    'CocoDataset data/digits_detection/': ('digits, 50 images', 50),
    'CocoDataset data/digits_longtail/': ('digits, long-tailed, 300 images', 300),
    'XMLDataset data/BCCD/': ('BCCD', 292),
}
METHODS = {
    'ce': 'cross-entropy',
    'mixup': 'mixup',
    'cutmix': 'CutMix',
    'manifold_mixup': 'manifold mixup',
    'alignmixup': 'AlignMixup',
    'mixup_k5': 'multi-mix of mixup',
    'cutmix_k5': 'multi-mix of CutMix',
    'manifold_mixup_k5': 'multi-mix of manifold mixup',
    'multimix': 'MultiMix',
    'dense_multimix': 'Dense MultiMix',
    'multimix_distill': 'MultiMix, distilled',
    'dense_multimix_distill': 'Dense MultiMix, distilled',
}
# Which tables of docs/images have figures of which recipe and of which detector.
_RUN = {'transfer_digits': 'resnet_tiny_digits', 'transfer_bccd': 'resnet18_slim_cifar10'}
_DETECTORS_RUN = {
    'ssd_tiny_digits': ('SSD', 'coco/bbox_mAP'),
    'ssd_r18_bccd': ('SSD', 'pascal_voc/mAP'),
}
_RATIO = 3 / 4  # height to width of the photographs that a detector resizes


_COSTS: dict[str, ModelCost] = {}


@dataclass(frozen=True)
class Result:
    """What runs of a config gave.

    Attributes:
        metric: Its name in metafiles.
        values: Of each seed.
        digits: How many are shown behind the point.
        percent: What a value is multiplied by to be in percent.
        seconds: The mean time of a run, on one core of a CPU.
    """

    metric: str
    values: list[float]
    digits: int
    percent: float
    seconds: float

    def __str__(self) -> str:
        mean, spread = statistics.mean(self.values), statistics.stdev(self.values)
        return f'{mean:.{self.digits}f} ± {spread:.{self.digits}f}'


@dataclass(frozen=True)
class Entry:
    """A config of the zoo.

    Attributes:
        path: Below the root of the repository.
        name: Its file, without the ending.
        model: What it trains.
        data: The data set.
        length: `300 epochs` or `120,000 iterations`.
        batch: Images in a step.
        seen: Images in the whole training.
        size: Height and width of an image.
        passes: How many times the images of a mini-batch are passed forward and back.
        taught: Whether a teacher is passed forward beside them.
        cost: Of one image.
        result: What was measured here; None if it was not run.
    """

    path: str
    name: str
    model: str
    data: str
    length: str
    batch: int
    seen: int
    size: tuple[int, int]
    passes: int
    taught: bool
    cost: ModelCost
    result: Result | None

    @property
    def mixed(self) -> str:
        """How a detector is mixed."""
        names = {'dense_multimix': 'Dense MultiMix', 'multimix': 'MultiMix'}
        return next((title for name, title in names.items() if name in self.name), 'no')

    @property
    def is_classifier(self) -> bool:
        """Whether it is a pretraining."""
        return self.path.startswith('configs/pretrain/')

    @property
    def hours(self) -> float:
        """On one GPU, by arithmetic."""
        return self.cost.hours(self.seen, self.passes + self.taught / 3)

    @property
    def memory(self) -> float:
        """Bytes of a step with the whole batch on one GPU, by arithmetic."""
        return self.cost.memory(self.batch, self.passes)


def entries() -> list[Entry]:
    """All configs that are trained by themselves, in the order of the page."""
    folders = (CONFIGS / 'pretrain', CONFIGS / 'detection', CONFIGS)
    return [_entry(path) for folder in folders for path in sorted(folder.glob('*.py'), key=_order)]


def _entry(path: Path) -> Entry:
    cfg = Config.fromfile(path)
    data, images = _data(cfg)
    batch = cfg.train_dataloader.batch_size
    iterations = cfg.train_cfg.get('max_iters')
    epochs = cfg.train_cfg.get('max_epochs')
    loader = cfg.train_dataloader.dataset
    repeats = loader.times if loader.type == 'RepeatDataset' else 1
    size = _size(cfg)
    method = cfg.model.get('method') or {}
    model = {key: value for key, value in cfg.model.items() if key not in ('method', 'init_cfg')}
    return Entry(
        path=str(path.relative_to(ROOT)),
        name=path.stem,
        model=_architecture(cfg, path),
        data=data,
        length=f'{iterations:,} iterations' if iterations else f'{epochs} epochs',
        batch=batch if iterations or path.parent.name == 'pretrain' else max(batch, _base_batch(cfg)),
        seen=iterations * batch if iterations else epochs * images * repeats,
        size=size,
        passes=method.get('K', 1),
        taught=method.get('type') == 'SelfDistillation',
        cost=_cost(model, size),
        result=_result(path.stem),
    )


def _cost(model: dict[str, Any], size: tuple[int, int]) -> ModelCost:
    """Counted once for all configs of the same model."""
    key = f'{sorted(model.items())} {size}'
    if key not in _COSTS:
        _COSTS[key] = model_cost(Config(dict(model=model)), size)
    return _COSTS[key]


def _base_batch(cfg: Config) -> int:
    """The batch of the whole run, where a config of mmdet's gives that of one of its GPUs."""
    return cfg.get('auto_scale_lr', {}).get('base_batch_size', 0)


def _data(cfg: Config) -> tuple[str, int]:
    found = [leaf for _, leaf in dataset_leaves(cfg.train_dataloader.dataset, '')]
    leaf = found[0]
    key = f'{leaf["type"]} {leaf.get("data_root", "")}'.strip()
    title, images = _SETS[key]
    if leaf.get('per_class'):
        start, stop = leaf['per_class']
        images = 10 * (stop - start)
        title = f'{title}, {images:,} images'
    return title, images


def _size(cfg: Config) -> tuple[int, int]:
    leaf = next(leaf for _, leaf in dataset_leaves(cfg.train_dataloader.dataset, ''))
    if 'transforms' in leaf:
        side = [step['size'] for step in leaf['transforms'] if 'size' in step][-1]
        return side, side
    resize = next(step for step in leaf['pipeline'] if step['type'] in ('Resize', 'RandomResize'))
    long, short = max(resize['scale']), min(resize['scale'])
    if not resize.get('keep_ratio'):
        return short, long
    return _padded(min(short, long * _RATIO)), _padded(min(long, short / _RATIO))


def _padded(side: float) -> int:
    return -(-round(side) // 32) * 32


def _architecture(cfg: Config, path: Path) -> str:
    backbone = cfg.model.backbone
    depth = f'ResNet-{backbone.depth}'
    if backbone.get('base_channels', 64) != 64:
        depth += f', {backbone.base_channels} channels'
    if path.parent.name == 'pretrain':
        return depth
    kind = {'FasterRCNN': 'Faster R-CNN', 'SingleStageDetector': 'SSD'}[cfg.model.type]
    if kind == 'Faster R-CNN':
        kind += ' FPN' if cfg.model.get('neck') else ' C4'
    return f'{kind}, {depth}'


def _order(path: Path) -> tuple:
    recipe, method, short = parts(path.stem)
    return (recipe, list(METHODS).index(method) if method in METHODS else -1, short, path.stem)


def parts(name: str) -> tuple[str, str, bool]:
    """Recipe, method and whether the schedule is short, of a pretraining config."""
    short = name.endswith('_short')
    name = name.removesuffix('_short')
    method = max((m for m in METHODS if name.endswith(f'_{m}')), key=len, default='')
    return name.removesuffix(f'_{method}'), method, short


def _result(name: str) -> Result | None:
    """Of a config that was run for a table of transfers."""
    recipe, method, _ = parts(name)
    for stem, recipe_run in _RUN.items():
        report = json.loads((IMAGES / f'{stem}.json').read_text())
        if recipe == recipe_run:
            runs = [run for run in report['pretraining'] if run['method'] == METHODS[method]]
            return _of_runs('Top 1 Accuracy', runs, 'top1', 1, 1)
        detector, key = _DETECTORS_RUN.get(name, ('', ''))
        runs = [
            run for run in report['cells'] if (run['detector'], run['method']) == (detector, METHODS['ce'])
        ]
        if runs and key in runs[0]:
            return _of_runs('box AP', runs, key, 3, 100)
    return None


def _of_runs(metric: str, runs: list[dict], key: str, digits: int, percent: float) -> Result | None:
    values, seconds = [run[key] for run in runs], [run['seconds'] for run in runs]
    return Result(metric, values, digits, percent, statistics.mean(seconds)) if runs else None
