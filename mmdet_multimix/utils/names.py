"""Names in messages, and class names that must agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .one_line import InputError


def shorten(names: Iterable[object], limit: int = 5, separator: str = ', ') -> str:
    """List names, the first ones only where there are many: ``a, b and 7 more``.

    Args:
        names: The names.
        limit: The most that are listed.
        separator: What stands between two.
    """
    texts = [str(name) for name in names]
    more = f' and {len(texts) - limit} more' if len(texts) > limit else ''
    return separator.join(texts[:limit]) + more


def clip(name: str, letters: int) -> str:
    """A name of so many letters at most; one that is cut ends in an ellipsis."""
    return name if len(name) <= letters else name[: letters - 1] + '…'


def quote(names: Iterable[str], limit: int = 10) -> str:
    """List class names as Python writes them: ``'cat', 'dog' and 7 more``.

    Args:
        names: The names.
        limit: The most that are listed.
    """
    return shorten(map(repr, names), limit)


def check_same_classes(first: Sequence[str], where: str, second: Sequence[str], elsewhere: str) -> None:
    """Refuse two lists of classes in which a label means two things.

    Args:
        first: Class names in the order of the labels.
        where: Whose they are, for the message.
        second: Other class names.
        elsewhere: Whose those are.

    Raises:
        ValueError: A name differs, or their number; with the first label that does.
    """
    for label, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            raise InputError(
                f'label {label} is class {one!r} in {where}, but {other!r} in {elsewhere}; '
                'give both the same `classes` in the same order'
            )
    if len(first) != len(second):
        raise InputError(
            f'{where} has {len(first)} classes, but {elsewhere} has {len(second)}; '
            'give both the same `classes`'
        )


def check_num_classes(num_classes: int, key: str, classes: Sequence[str], where: str) -> None:
    """Refuse a classifier that has another number of classes than its data.

    Args:
        num_classes: The number of classes of the classifier.
        key: Key of the config that sets it, for the message.
        classes: Class names of the data.
        where: Whose those are.

    Raises:
        ValueError: They differ.
    """
    if num_classes != len(classes):
        raise InputError(f'{key} is {num_classes}, but {where} has {len(classes)} classes: {quote(classes)}')
