"""Checks a config before anything long starts: data, class names, checkpoints.

mmengine finds a missing file when it opens it, minutes later or on one rank only, and some mistakes never:
class names that are not in the annotations train on nothing, in silence. All that is wrong is reported at
once, each line with the key of the config and what to do.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from mmdet.registry import DATASETS, MODELS

_HOW_TO_GET = {
    'CocoDataset': (
        'COCO: unpack train2017.zip, val2017.zip and annotations_trainval2017.zip from cocodataset.org into '
        'data/coco (train2017/, val2017/, annotations/), or link data/coco to your copy'
    ),
    'VOCDataset': (
        'Pascal VOC: unpack the VOC2007 trainval and test and the VOC2012 trainval archives from '
        'host.robots.ox.ac.uk/pascal/VOC into data/ (data/VOCdevkit/VOC2007, .../VOC2012), or link '
        'data/VOCdevkit to your copy'
    ),
}
_BACKBONE = (
    'pretrain one with tools/train.py and a config of configs/pretrain, then export it: '
    'python tools/publish_backbone.py WORK_DIR/CHECKPOINT.pth {path}'
)
# Backbones of mmdet whose init_weights never asks, or overwrites, the initialiser in init_cfg.
_OWN_LOADERS = {'SwinTransformer', 'PyramidVisionTransformer', 'HourglassNet', 'DetectoRS_ResNet'}
_XML_FILES_READ = 200  # enough to see every class name of any set that could be trained on


class PreflightError(ValueError):
    """What is wrong with a config or its files, one line each."""


def check_config(cfg, stage: str = 'train') -> None:
    """Checks the data sets and checkpoint files that a config names.

    Args:
        cfg: An mmengine `Config`.
        stage: `'train'` (train and validation data, validation's annotations, initial weights) or `'test'`
            (test data and annotations).

    Raises:
        PreflightError: with everything that was found.
    """
    loaders = ('train_dataloader', 'val_dataloader') if stage == 'train' else ('test_dataloader',)
    problems = []
    for loader in loaders:
        if cfg.get(loader):
            leaves = list(dataset_leaves(cfg[loader]['dataset'], f'{loader}.dataset'))
            learnt = loader == 'train_dataloader' and len(leaves) == 1
            for key, dataset in leaves:
                problems += _check_dataset(key, dataset, learnt)
    problems += _check_classes(cfg, loaders)
    problems += _check_evaluator(cfg, 'val_evaluator' if stage == 'train' else 'test_evaluator')
    problems += _check_checkpoints(cfg, stage)
    if problems:
        lines = '\n'.join(f'  - {problem}' for problem in dict.fromkeys(problems))
        raise PreflightError(f'cannot {stage}:\n{lines}')


def evaluators(cfg, key: str) -> list[dict]:
    """The metrics of `val_evaluator` or `test_evaluator`, of which there may be one or several."""
    found = cfg.get(key) or []
    found = found if isinstance(found, (list, tuple)) else [found]
    return [entry for entry in found if isinstance(entry, dict)]


def _check_evaluator(cfg, key: str) -> Iterator[str]:
    for entry in evaluators(cfg, key):
        path = entry.get('ann_file')
        if path and not _exists(path):
            yield f'{key}.ann_file: annotation file {path} does not exist; set it to that of the data'


def dataset_leaves(dataset: dict, key: str) -> Iterator[tuple[str, dict]]:
    """The data sets inside the wrappers (Repeat, Concat, ClassBalanced, MultiImageMix)."""
    if 'dataset' in dataset:
        yield from dataset_leaves(dataset['dataset'], f'{key}.dataset')
    elif 'datasets' in dataset:
        for index, inner in enumerate(dataset['datasets']):
            yield from dataset_leaves(inner, f'{key}.datasets[{index}]')
    else:
        yield key, dataset


def _check_dataset(key: str, dataset: dict, learnt: bool) -> Iterator[str]:
    """What is wrong with one set; `learnt` says that it is all that is trained on."""
    name = _type_name(dataset)
    if DATASETS.get(name) is None:
        yield f'{key}.type: unknown data set {name!r}; is its package in custom_imports?'
        return
    if '://' in str(dataset.get('data_root')):
        return  # remote files are not ours to look for
    root = Path(dataset.get('data_root') or '')
    if not dataset.get('ann_file'):
        # Classification sets say themselves what they miss. One that is there need not be read twice.
        if dataset.get('data_root') and not (root / dataset.get('split', '')).is_dir():
            try:
                DATASETS.build(dataset)
            except (OSError, ValueError) as error:
                yield f'{key}: {error}'
        return
    help_ = remedy(name)
    annotations = root / dataset['ann_file']
    if not annotations.is_file():
        yield f'{key}: annotation file {annotations} does not exist. {help_}'
        return
    folders = {root / prefix for prefix in (dataset.get('data_prefix') or {}).values()}
    for folder in sorted(folders):
        if not folder.is_dir():
            yield f'{key}: image folder {folder} does not exist. {help_}'
    classes = dataset_classes(dataset)
    if classes and annotations.suffix == '.json':
        yield from _check_coco_names(key, annotations, classes)
    elif classes and annotations.suffix == '.txt':
        yield from _check_voc_names(key, annotations, dataset, classes, learnt)


def _check_classes(cfg, loaders: tuple[str, ...]) -> Iterator[str]:
    """Whether all detection sets have the same classes, and the box heads as many."""
    first_key, first = '', ()
    for loader in filter(cfg.get, loaders):
        for key, dataset in dataset_leaves(cfg[loader]['dataset'], f'{loader}.dataset'):
            classes = dataset_classes(dataset) if dataset.get('ann_file') else ()
            if classes and first and classes != first:
                yield (
                    f'{key}.metainfo.classes: {_quoted(classes)} are not those of {first_key}, '
                    f'{_quoted(first)}, so that labels would mean something else. Give both the same'
                )
            elif classes and not first:
                first_key, first = key, classes
    for key, node in _nodes(cfg.get('model') or {}, 'model'):
        count = node.get('num_classes') if key.split('[')[0].endswith('bbox_head') else None
        if isinstance(count, int) and count < len(first):
            yield (
                f'{key}.num_classes is {count}, but {first_key} has {len(first)} classes, {_quoted(first)}. '
                f'Set num_classes={len(first)}'
            )


def _type_name(dataset: dict) -> str:
    """The registered name of a set's type, which a config may give as the class itself."""
    kind = dataset.get('type')
    return kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))


def dataset_classes(dataset: dict) -> tuple[str, ...]:
    """The class names of a set's config, or those that its type has by itself."""
    kind = DATASETS.get(_type_name(dataset))
    classes = (dataset.get('metainfo') or {}).get('classes') or getattr(kind, 'METAINFO', {}).get('classes')
    if isinstance(classes, str):  # of one class, or a file of names, as mmengine takes it
        return tuple(Path(classes).read_text().splitlines()) if Path(classes).is_file() else (classes,)
    return tuple(classes or ())


def remedy(name: str) -> str:
    """What to do where a set of this type is missing or damaged."""
    return _HOW_TO_GET.get(name, 'set data_root, ann_file and data_prefix to where it is')


def coco_categories(path: Path) -> list[str] | None:
    """The category names of a COCO file in their order, without parsing hundreds of megabytes.

    Returns:
        None where the file is not laid out like COCO's.
    """
    if not path.stat().st_size:
        return None
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        start = text.rfind(b'"categories"')
        start = text.find(b'[', start) if start >= 0 else -1
        end = text.find(b']', start) if start >= 0 else -1
        if end < 0:
            return None
        try:
            return [category['name'] for category in json.loads(text[start : end + 1])]
        except (ValueError, KeyError, TypeError):
            pass  # categories with lists of their own (keypoints): take the long way
    try:
        return [category['name'] for category in json.loads(path.read_text())['categories']]
    except (ValueError, KeyError, TypeError):
        return None


def _check_coco_names(key: str, path: Path, classes: tuple[str, ...]) -> Iterator[str]:
    names = coco_categories(path)
    if names is None:
        yield f'{key}: {path} is no COCO annotation file: it has no readable list of categories'
        return
    missing = [name for name in classes if name not in names]
    if missing:
        yield (
            f'{key}.metainfo.classes: {_quoted(missing)} not among the categories of {path}, '
            f'which are {_quoted(names)}. Set metainfo=dict(classes=...) and num_classes to match'
        )
    elif [name for name in names if name in classes] != list(classes):
        # mmdet numbers the labels in the file's order, whatever the order of the names.
        yield (
            f'{key}.metainfo.classes: not in the order of {path}, so labels would carry wrong names. '
            f'Write them as {_quoted([name for name in names if name in classes])}'
        )


def _check_voc_names(
    key: str, image_sets: Path, dataset: dict, classes: tuple[str, ...], learnt: bool
) -> Iterator[str]:
    root = Path(dataset.get('data_root') or '') / (dataset.get('data_prefix') or {}).get('sub_data_root', '')
    folder = root / dataset.get('ann_subdir', 'Annotations')
    names: set[str] = set()
    # Names of one's own may be misspelt: then all files are read for one that is nowhere.
    own = learnt and bool((dataset.get('metainfo') or {}).get('classes'))
    for number, line in enumerate(image_sets.read_text().split()):
        if number >= _XML_FILES_READ and not (own and set(classes) - names):
            break
        path = folder / f'{line}.xml'
        try:
            names.update(node.text for node in ElementTree.parse(path).iterfind('object/name'))
        except FileNotFoundError:
            yield f'{key}: {image_sets} lists {line}, but {path} does not exist'
            return
        except ElementTree.ParseError as error:
            yield f'{key}: {path} is not readable XML: {error}'
            return
    if names and not names & set(classes):
        yield (
            f'{key}.metainfo.classes: none of {_quoted(classes)} is in the annotations of {image_sets}, '
            f'which have {_quoted(sorted(names))}. Set metainfo=dict(classes=...) and num_classes to match'
        )
    elif own and names - set(classes) and set(classes) - names:
        yield (
            f'{key}.metainfo.classes: {_quoted(sorted(set(classes) - names))} in none of the annotations of '
            f'{image_sets}, which have {_quoted(sorted(names))}. Correct the names, or leave those out'
        )


def _quoted(names) -> str:
    shown = ', '.join(repr(name) for name in list(names)[:10])
    return shown + (f' and {len(names) - 10} more' if len(names) > 10 else '')


def _check_checkpoints(cfg, stage: str) -> Iterator[str]:
    if cfg.get('load_from') and not _exists(cfg.load_from):
        yield f'load_from: checkpoint {cfg.load_from} does not exist'
    if stage != 'train':
        return
    for key, node in _nodes(cfg.get('model') or {}, 'model'):
        init_cfg = node.get('init_cfg')
        for init in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
            if not isinstance(init, dict) or init.get('type') not in ('MultiMixPretrained', 'Pretrained'):
                continue
            path = init.get('checkpoint')
            if not path:
                yield f'{key}.init_cfg: {init["type"]} needs checkpoint=...'
            elif not _exists(path):
                yield f'{key}.init_cfg.checkpoint: {path} does not exist; {_BACKBONE.format(path=path)}'
            if init['type'] == 'MultiMixPretrained' and _loads_by_itself(node.get('type')):
                yield (
                    f'{key}.init_cfg: {node["type"]} reads init_cfg with a loader of its own; move it to the '
                    'detector: model=dict(init_cfg=dict(type="MultiMixPretrained", ...))'
                )


def _nodes(node, key: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict):
        yield key, node
        for name, inner in node.items():
            yield from _nodes(inner, f'{key}.{name}')
    elif isinstance(node, (list, tuple)):
        for index, inner in enumerate(node):
            yield from _nodes(inner, f'{key}[{index}]')


def _exists(path: str) -> bool:
    return '://' in str(path) or Path(path).is_file()


def _loads_by_itself(kind) -> bool:
    return bool(_OWN_LOADERS & {parent.__name__ for parent in getattr(MODELS.get(kind), '__mro__', ())})
