"""The state of data and weights that a config names, by which an edited set is told from the measured one.

Content alone counts, never the place or the date of a file: a set may be moved behind a link, copied or
unpacked again. Read are

* every file that a data set or a metric names, such as `ann_file`, `proposal_file` and a file of classes;
* in Pascal VOC's format, the XML files of the images that the list names;
* of `ImageFolderDataset`, and of images from outside the distribution, the names of all images.

Of weights that a training starts from, and that no cell makes, the content of the file counts.

A gigabyte of annotations takes seconds, as do ten thousand XML files or a million names. Pixels are not read,
nor what is on another machine, nor annotations that neither a config names nor VOC's layout has.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from mmdet.datasets import XMLDataset
from mmengine.config import Config
from torchvision.datasets.folder import IMG_EXTENSIONS, has_file_allowed_extension

from mmdet_multimix.checks.checkpoints import pretrained_loaders
from mmdet_multimix.checks.image_folders import folder
from mmdet_multimix.checks.voc_content import is_read_as_here, list_names, xml_path
from mmdet_multimix.checks.walk import DataSet, data_sets, evaluators, has_backend, nodes
from mmdet_multimix.datasets.image_folder import ImageFolderDataset, is_left_behind
from mmdet_multimix.utils.registered import is_a

from .plan import digest

# What a training reads, and what is read to measure it.
_PARTS = {'learnt': ('train', 'val'), 'tested': ('test',)}
_NO_FILES = ('pipeline', 'transforms')
_PIECE = 2**20  # bytes that are read at once


def data_state(cfg: Config, made: Collection[str] = ()) -> dict[str, str]:
    """Hashes of the data and the weights of a config; what is missing is left out, as a check will name it.

    Args:
        cfg: The config.
        made: Files of weights that the experiment makes itself, which are left out.

    Returns:
        `learnt`, of the training and validation data, `tested`, of the test data, and `loaded`, of weights to
        start from, where they have files.
    """
    found = {
        part: [state for name in names for state in _states(cfg, name)] for part, names in _PARTS.items()
    }
    found['loaded'] = list(_weights(cfg, made))
    return {part: digest(states) for part, states in found.items() if states}


def images_state(folders: Iterable[Path]) -> str:
    """A hash of the names of all images below some folders."""
    return digest([_names(str(path)) for path in folders])


def forget() -> None:
    """Have files read again that were read before."""
    for read in (_content, _contents, _names):
        read.cache_clear()


def _weights(cfg: Config, made: Collection[str]) -> Iterator[str]:
    parts = [node for _, node in nodes(cfg.get('model') or {}, 'model')]
    loaded = (init.get('checkpoint') for part in parts for init in pretrained_loaders(part))
    for path in (cfg.get('load_from'), *loaded):
        if isinstance(path, str) and path not in made and os.path.isfile(path):
            yield _content(path)


def _states(cfg: Config, name: str) -> Iterator[str]:
    for dataset in data_sets(cfg, [f'{name}_dataloader']):
        if not dataset.remote:
            yield from _of_set(dataset)
    for entry in evaluators(cfg, f'{name}_evaluator'):
        if not has_backend(entry):
            yield from _named(entry, '')


def _of_set(dataset: DataSet) -> Iterator[str]:
    own = {key: value for key, value in dataset.cfg.items() if key not in _NO_FILES}
    yield from _named(own, str(dataset.root))
    kind, listed = dataset.type, dataset.annotations
    if is_a(kind, XMLDataset) and is_read_as_here(dataset) and listed and listed.is_file():
        yield _contents(listed, xml_path(dataset, '').parent)
    elif is_a(kind, ImageFolderDataset):
        yield _names(str(folder(dataset)))


def _named(entry: dict[str, Any], root: str) -> Iterator[str]:
    """The files that a part of a config names, in its order."""
    for _, node in nodes(entry, ''):
        for value in node.values():
            paths = [os.path.join(root, value), value] if isinstance(value, (str, Path)) else []
            if path := next(filter(os.path.isfile, paths), None):
                yield _content(path)


@functools.cache
def _content(path: str) -> str:
    found = hashlib.sha256()
    with open(path, 'rb') as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


@functools.cache
def _contents(listed: Path, annotations: Path) -> str:
    """Of the XML files of a list of images."""
    try:
        paths = [annotations / f'{name}.xml' for name in list_names(listed)]
    except ValueError:  # it is no list
        return ''
    return digest([_content(str(path)) if path.is_file() else None for path in paths])


@functools.cache
def _names(top: str) -> str:
    """Of the images below a folder, with the folders that they are in: their classes."""
    found = []
    for place, folders, files in os.walk(top, followlinks=True):
        folders[:] = [name for name in folders if not is_left_behind(name)]
        below = os.path.relpath(place, top)
        images = (name for name in files if has_file_allowed_extension(name, IMG_EXTENSIONS))
        found += [os.path.join(below, name) for name in images if not is_left_behind(name)]
    return digest(sorted(found))
