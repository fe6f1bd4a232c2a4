"""What a config names: data sets, metrics, modules, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import BaseDataset

from ..utils.registered import class_name, is_a, registered

# By type: what stands in the name of its annotations, and where it is from.
_REMEDIES = {
    'CocoDataset': (
        '2017',
        'COCO: unpack train2017.zip, val2017.zip and annotations_trainval2017.zip from cocodataset.org into '
        'data/coco (train2017/, val2017/, annotations/), or link data/coco to your copy',
    ),
    'VOCDataset': (
        'VOC',
        'Pascal VOC: unpack the VOC2007 trainval and test and the VOC2012 trainval archives from '
        'host.robots.ox.ac.uk/pascal/VOC into data/ (data/VOCdevkit/VOC2007, .../VOC2012), or link '
        'data/VOCdevkit to your copy',
    ),
}

_PACKAGES = ('mmdet', 'mmcv', 'mmengine', 'mmdet_multimix')


def is_known(kind: Any) -> bool:
    """Whether a class or function is of this package or of those below it."""
    return getattr(kind, '__module__', '').partition('.')[0] in _PACKAGES


@dataclass(frozen=True)
class DataSet:
    """A data set of a config, without its wrappers.

    Attributes:
        key: Where it stands in the config.
        cfg: Its own config.
        learnt: Whether the config trains on this set alone.
        parts: The configs of all sets that the config trains on together, where this is one of several.
    """

    key: str
    cfg: dict[str, Any]
    learnt: bool = False
    parts: tuple[dict[str, Any], ...] = ()

    @property
    def type_name(self) -> str:
        """The name of its type, which a config may give as the class itself."""
        return class_name(self.cfg.get('type'))

    @property
    def type(self) -> type | None:
        """Its class, None where the name is not registered."""
        return registered(self.cfg.get('type'), DATASETS)

    @property
    def root(self) -> Path:
        """The folder that its other paths are relative to."""
        root = self.cfg.get('data_root') or ''
        return Path(root if isinstance(root, (str, Path)) else '')

    @property
    def read_by_mmdet(self) -> bool:
        """Whether paths and labels are read as in mmdet; one's own reader may take folders or patterns."""
        names = ('__init__', 'full_init', '_join_prefix', 'load_data_list', 'parse_data_info')
        return all(is_known(getattr(self.type, name, None)) for name in names)

    @property
    def trained_on(self) -> bool:
        """Whether it is, or is a part of, the training data."""
        return self.key.startswith('train_dataloader')

    @property
    def remote(self) -> bool:
        """Whether it is read from another machine, where nothing can be looked for."""
        addresses = (self.cfg.get(name) for name in ('data_root', 'ann_file'))
        return has_backend(self.cfg) or any('://' in str(address) for address in addresses)

    @property
    def remote_images(self) -> bool:
        """Whether its images are on another machine, or no files of their own."""
        return self.loads_by_backend or any('://' in str(prefix) for prefix in self.prefixes.values())

    @property
    def loads_by_backend(self) -> bool:
        """Whether its pipeline reads the images from an archive or a server, whatever their paths say."""
        return any(has_backend(node) for _, node in nodes(self.cfg.get('pipeline'), 'pipeline'))

    @property
    def annotations(self) -> Path | None:
        """The file of its annotations, None of a set that has none or several."""
        path, root = self.cfg.get('ann_file'), self.cfg.get('data_root') or ''
        is_one = path and all(isinstance(part, (str, Path)) for part in (path, root))
        return self.root / path if is_one else None

    @property
    def prefixes(self) -> dict[str, str]:
        """Its folders of images below the root; some types take one as a string."""
        prefix = self.cfg.get('data_prefix') or {}
        prefixes = {'img': prefix} if isinstance(prefix, str) else prefix
        if not isinstance(prefixes, dict):  # a reader of one's own may take anything
            return {}
        return {name: value for name, value in prefixes.items() if isinstance(value, str)}

    @property
    def text_for_classes(self) -> str | None:
        """The classes of its config or its type, where they are one string that names no file."""
        given = (self.cfg.get('metainfo') or {}).get('classes')
        classes = given or self._classes_of_type
        return classes if isinstance(classes, str) and not (given and is_there(given)) else None

    @property
    def chosen_classes(self) -> tuple[str, ...]:
        """The class names in its config; mmengine takes a file of names too."""
        classes = (self.cfg.get('metainfo') or {}).get('classes')
        if isinstance(classes, str):
            file = Path(classes)  # of which another check says whether it is in UTF-8
            return tuple(file.read_text('utf-8', 'replace').splitlines()) if file.is_file() else ()
        return tuple(classes or ())

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in its config, or those that its type has by itself."""
        known = self.text_for_classes is None
        return self.chosen_classes or tuple((known and self._classes_of_type) or ())

    @property
    def _classes_of_type(self) -> Any:
        return getattr(self.type, 'METAINFO', {}).get('classes')

    @property
    def remedy(self) -> str:
        """What to do where it is missing or damaged."""
        mark, remedy = _REMEDIES.get(self.type_name, ('', ''))
        its_own = remedy and mark in str(self.cfg.get('ann_file'))  # not one's own data in the same format
        return remedy if its_own else 'set data_root, ann_file and data_prefix to where it is'

    @property
    def content(self) -> str:
        """The same text for two sets of the same files and classes."""
        return str({**self.cfg, 'pipeline': (), 'transforms': ()})


def dataset_leaves(dataset: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the data sets inside the wrappers (Repeat, Concat, ClassBalanced, MultiImageMix).

    Args:
        dataset: Config of a data set, wrapped or not, or a list of them. Of one that is built already nothing
            is known.
        key: Where it stands in the config.

    Yields:
        The key and the config of each.
    """
    if isinstance(dataset, (list, tuple)):
        for index, inner in enumerate(dataset):
            yield from dataset_leaves(inner, f'{key}[{index}]')
    elif not isinstance(dataset, dict):
        return
    elif 'dataset' in dataset:
        yield from dataset_leaves(dataset['dataset'], f'{key}.dataset')
    elif 'datasets' in dataset:
        inner = dataset['datasets']  # a set of one's own may mean anything by it
        yield from dataset_leaves(inner if isinstance(inner, (list, tuple)) else (), f'{key}.datasets')
    else:
        yield key, dataset


def dataloaders(cfg: Config, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the dataloaders of a config by their keys; a loop of one's own may take several under one.

    Args:
        cfg: The config.
        names: Such as ``'train_dataloader'``. One that the config lacks is passed over.
    """
    for name in names:
        found = cfg.get(name)
        if isinstance(found, (list, tuple)):
            yield from ((f'{name}[{i}]', one) for i, one in enumerate(found) if isinstance(one, dict))
        elif isinstance(found, dict):
            yield name, found


def check_wrapped(cfg: Config, loaders: Sequence[str]) -> Iterator[str]:
    """Look for sets that have another inside, as where a config lies above a base that wraps its set.

    Args:
        cfg: The config.
        loaders: Such as ``'train_dataloader'``.

    Yields:
        A line for each.
    """
    for loader, content in dataloaders(cfg, loaders):
        for key, node in nodes(content.get('dataset'), f'{loader}.dataset'):
            inner = next((name for name in ('dataset', 'datasets') if node.get(name)), None)
            kind = registered(node.get('type'), DATASETS) if inner and 'type' in node else None
            # One of somebody's own may take one.
            if is_a(kind, BaseDataset) and kind.__module__.startswith('mmdet.'):
                yield (
                    f'{key} is a {class_name(node["type"])}, which cannot have a {inner} inside. Where the '
                    'base wraps its set, as SSD and YOLOX do, yours belongs into the wrapper: '
                    f'{loader}=dict(dataset=dict(dataset=dict(...))); elsewhere one dataset is enough'
                )


def data_sets(cfg: Config, loaders: Sequence[str]) -> list[DataSet]:
    """List the data sets of some dataloaders.

    Args:
        cfg: The config.
        loaders: Such as ``'train_dataloader'``. One that the config lacks has no sets.
    """
    found = []
    for loader in loaders:
        leaves = [
            leaf
            for key, content in dataloaders(cfg, [loader])
            for leaf in dataset_leaves(content.get('dataset'), f'{key}.dataset')
        ]
        learnt = loader == 'train_dataloader' and len(leaves) == 1
        several = loader == 'train_dataloader' and len(leaves) > 1
        parts = tuple(dataset for _, dataset in leaves) if several else ()
        found += [DataSet(key, dataset, learnt, parts) for key, dataset in leaves]
    return found


def files_of(cfg: Config) -> Iterator[str]:
    """The file of a config and all that it is based on, each once.

    Args:
        cfg: The config. One that was not read from a file has none, nor has one whose file is gone, as that
            of ``Config.fromstring`` is; of one that imports its bases none is known.
    """
    found: set[str] = set()
    there = cfg.filename and Path(cfg.filename).is_file() and not _is_lazy(cfg.filename)
    waiting = [cfg.filename] if there else []
    while waiting:
        path = waiting.pop(0)
        if path not in found:
            found.add(path)
            yield path
            waiting += [Config._get_cfg_path(base, path)[0] for base in Config._get_base_files(path)]


def evaluators(cfg: Config, key: str) -> list[dict[str, Any]]:
    """List the metrics of an evaluator, of which there may be one or several.

    Args:
        cfg: The config.
        key: ``'val_evaluator'`` or ``'test_evaluator'``.
    """
    found = cfg.get(key) or []
    found = found if isinstance(found, (list, tuple)) else [found]
    return [entry for entry in found if isinstance(entry, dict)]


def nodes(node: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find all dicts inside a part of a config, with their keys.

    Args:
        node: The part.
        key: Where it stands in the config.
    """
    if isinstance(node, dict):
        yield key, node
        for name, inner in node.items():
            yield from nodes(inner, f'{key}.{name}')
    elif isinstance(node, (list, tuple)):
        for index, inner in enumerate(node):
            yield from nodes(inner, f'{key}[{index}]')


def has_backend(cfg: dict[str, Any]) -> bool:
    """Whether a part of a config has mmengine read its paths elsewhere than on the disk."""
    found = [cfg.get(name) for name in ('backend_args', 'file_client_args')]  # the second is the old name
    return any(
        isinstance(args, dict) and args.get('backend', 'local') not in ('local', 'disk') for args in found
    )


def is_there(path: str | Path) -> bool:
    """Whether a file exists, as far as this can be known: an address is not looked up."""
    return '://' in str(path) or Path(path).is_file()


def _is_lazy(path: str) -> bool:
    """Whether a config is Python that imports its bases."""
    return path.endswith('.py') and Config._is_lazy_import(path)
