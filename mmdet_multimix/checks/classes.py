"""Whether all data sets of a config have the same classes, and its heads as many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mmengine.config import Config

from ..utils.names import check_same_classes, quote
from .walk import DataSet, nodes


def check_names(dataset: DataSet) -> Iterator[str]:
    """Look for class names that mmdet would take for something else.

    Args:
        dataset: The set.

    Yields:
        A line for each fault.
    """
    text, names = dataset.text_for_classes, dataset.chosen_classes
    if text is not None:
        # pycocotools would take every category whose name is a part of the string.
        yield (
            f'metainfo.classes is the text {text!r}, which is no file of names. '
            f'For one class write classes=({text!r},), with its comma'
        )
    double = [name for name, number in Counter(names).items() if number > 1]
    if double:
        yield f'metainfo.classes has {quote(double)} more than once: give each class once'
    if '' in names:
        yield 'metainfo.classes has a class without a name: take the blank lines out of its file'


def check_same(sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the classes of detection sets with those of the first.

    Args:
        sets: The data sets of a config.

    Yields:
        A line for each set in which a label means something else.
    """
    named = _with_classes(sets)
    for other in named[1:]:
        try:
            check_same_classes(named[0].classes, named[0].key, other.classes, other.key)
        except ValueError as error:
            yield f'{other.key}.metainfo.classes: {error}'


def check_heads(cfg: Config, sets: Sequence[DataSet]) -> Iterator[str]:
    """Compare the number of classes of box heads with that of the data.

    Args:
        cfg: The config.
        sets: Its data sets.

    Yields:
        A line for each head that has too few.
    """
    named = _with_classes(sets)
    for key, node in nodes(cfg.get('model') or {}, 'model') if named else ():
        count, classes = node.get('num_classes'), named[0].classes
        if key.split('[')[0].endswith('bbox_head') and isinstance(count, int) and count < len(classes):
            yield (
                f'{key}.num_classes is {count}, but {named[0].key} has {len(classes)} classes, '
                f'{quote(classes)}. Set num_classes={len(classes)}'
            )


def _with_classes(sets: Sequence[DataSet]) -> list[DataSet]:
    return [dataset for dataset in sets if dataset.annotations and dataset.classes]
