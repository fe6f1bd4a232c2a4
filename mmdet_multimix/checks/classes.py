"""Whether all data sets of a config have the same classes, and its heads as many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmdet.datasets import BaseDetDataset, CocoPanopticDataset
from mmdet.evaluation import VOCMetric
from mmdet.registry import METRICS
from mmengine.config import Config

from ..utils.names import check_same_classes, quote
from ..utils.registered import is_a, registered
from .encoding import check_encoding
from .own_code import has_own_labels, has_own_model
from .remark import Remark
from .walk import DataSet, evaluators, nodes

_HEADS = ('bbox_head', 'mask_head')  # how the names of heads end that have an output for each class


def check_names(dataset: DataSet) -> Iterator[str]:
    """Look for class names that mmdet would take for something else.

    Args:
        dataset: The set.

    Yields:
        A line for each fault.
    """
    text, names = dataset.text_for_classes, dataset.chosen_classes
    given = (dataset.cfg.get('metainfo') or {}).get('classes')
    if isinstance(given, str) and Path(given).is_file():
        yield from check_encoding(Path(given))
    if text is not None:
        # pycocotools would take every category whose name is a part of the string.
        where = 'metainfo.classes' if given else f"METAINFO['classes'] of {dataset.type_name}"
        said = str if dataset.read_by_mmdet else Remark
        yield said(
            f'{where} is the text {text!r}, which is no file of names. '
            f'For one class write classes=({text!r},), with its comma'
        )
    double = [name for name, number in Counter(names).items() if number > 1]
    if double:
        yield f'metainfo.classes has {quote(double)} more than once: give each class once'
    if '' in names:
        yield 'metainfo.classes has a class without a name: take the blank lines out of its file'


def check_same(cfg: Config, sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes of detection sets with those of the first.

    Args:
        cfg: The config.
        sets: Its data sets.

    Yields:
        A line for each set in which a label means something else, a remark where the model may know.
    """
    named, said = _with_classes(cfg, sets), Remark if has_own_model(cfg) else str
    for other in named[1:]:
        try:
            check_same_classes(named[0].classes, named[0].key, other.classes, other.key)
        except ValueError as error:
            yield said(f'{other.key}.metainfo.classes: {error}')


def check_heads(cfg: Config, sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the number of classes of box and mask heads with that of the data.

    Args:
        cfg: The config.
        sets: Its data sets.

    Yields:
        A line for each head that has another number. Of the mask head of boxes, and where nothing is
        evaluated by COCO's metric, a class too many is only a remark, and any number where code of one's own
        says which label an object has.
    """
    named = _with_classes(cfg, sets)
    own = has_own_model(cfg) or has_own_labels(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    classes = _with_boxes(named[0]) if named else ()
    parts = [(key, key.split('[')[0], node) for key, node in nodes(cfg.get('model'), 'model')]
    stems = {stem for _, stem, _ in parts}
    for key, stem, node in parts if classes else ():
        count = node.get('num_classes')
        if not stem.endswith(_HEADS) or type(count) is not int or node.get('class_agnostic'):
            continue
        if len(classes) <= count <= len(named[0].classes):
            continue
        line = (
            f'{key}.num_classes is {count}, but {named[0].key} has {len(classes)} classes, '
            f'{quote(classes)}. Set num_classes={len(classes)}'
        )
        # COCO's metric knows no category of such a label; a mask is that of the label of its box, where there
        # are boxes: SOLO's mask head gives the label.
        owner, _, last = stem.rpartition('.')
        by_box = last == 'mask_head' and (owner.endswith('roi_head') or f'{owner}.bbox_head' in stems)
        too_many = _ends_on_a_label_too_many(cfg, named) and not by_box
        is_fault = not own and (count < len(classes) or too_many)
        yield line if is_fault else Remark(line)


def _ends_on_a_label_too_many(cfg: Config, named: Sequence[DataSet]) -> bool:
    """Whether something is evaluated, and not by VOC's metric alone, which looks for the known labels."""
    kinds = [
        registered(entry.get('type'), METRICS)
        for key in ('val_evaluator', 'test_evaluator')
        for entry in evaluators(cfg, key)
    ]
    by_voc = kinds and all(kind is VOCMetric for kind in kinds)
    return not by_voc and any(not dataset.trained_on for dataset in named)


def check_stored(cfg: Config, path: str, stored: Sequence[str], sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes that a checkpoint was trained on with those of a config.

    Args:
        cfg: The config.
        path: The checkpoint.
        stored: Its classes in the order of the labels.
        sets: The data sets of the config.

    Yields:
        A line where a class has another label; a remark where names or their number differ otherwise.
    """
    for dataset in _with_classes(cfg, sets)[:1]:
        classes = dataset.classes
        moved = [name for name in classes if name in stored and stored.index(name) != classes.index(name)]
        if moved:
            name = moved[0]
            yield (Remark if has_own_model(cfg) else str)(
                f'{path} was trained with class {name!r} as label {stored.index(name)}, but in {dataset.key} '
                f'it is label {classes.index(name)}. Set metainfo=dict(classes=...) to the classes of the '
                f'checkpoint, {quote(stored)}'
            )
        elif tuple(stored) != tuple(classes):
            yield Remark(
                f'{path} was trained on the classes {quote(stored)}, and {dataset.key} has {quote(classes)}'
            )


def _with_classes(cfg: Config, sets: Sequence[DataSet]) -> list[DataSet]:
    """The sets of boxes whose classes are known before they are built, and whose labels stand for them."""
    if any('language_model' in node for _, node in nodes(cfg.get('model'), 'model')):
        return []  # its head scores the tokens of the names, so that each set may have classes of its own
    return [dataset for dataset in sets if is_a(dataset.type, BaseDetDataset) and dataset.classes]


def _with_boxes(dataset: DataSet) -> Sequence[str]:
    """The classes that its boxes have: of a panoptic set the things; none where only its file knows them."""
    if not is_a(dataset.type, CocoPanopticDataset):
        return dataset.classes
    known, mine = getattr(dataset.type, 'METAINFO', {}), dataset.cfg.get('metainfo') or {}
    things = (mine if 'classes' in mine else {**known, **mine}).get('thing_classes')
    return things if isinstance(things, (list, tuple)) else ()
