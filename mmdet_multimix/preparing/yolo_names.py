"""Reads the names of YOLO's classes: of data.yaml, or of a list of names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from ..utils.names import quote
from .found import PreparingError, class_name, read_lines
from .yolo_splits import data_files, lines_if_text, place_of

LISTS = ('classes.txt', 'obj.names', 'labels.txt', '_darknet.labels', 'names.txt')


def description(root: Path, files: list[Path]) -> Path | None:
    """The file with the names of the classes; one that also lists the folders first."""
    described = [path for path in files if is_yaml(path) and _has_names(path)]
    for path in described[:1]:
        _check_others(path, [other for other in described[1:] if _has_texts_below(other, files)])
        _check_lists(path, root, files)
        return path
    for file, pairs in data_files(files):
        if named := place_of(pairs.get('names', ''), file.parent, root):
            return named
    kinds = [[path for path in files if path.name.lower() == name] for name in LISTS]
    kinds.append([path for path in files if path.suffix.lower() == '.names'])
    for kind in kinds:
        if paths := [path for path in kind if read_lines(path)]:
            _check_lists(_longest(paths), root, files)
            return _longest(paths)
    return None


def _has_texts_below(path: Path, files: list[Path]) -> bool:
    """Whether labels may be in the folder of a description; tools come with descriptions of other sets."""
    return any(file.is_relative_to(path.parent) for file in _texts(files))


def _texts(files: list[Path]) -> list[Path]:
    """What may be labels."""
    return [file for file in files if file.suffix.lower() == '.txt' and file.name.lower() not in LISTS]


def _check_others(path: Path, others: list[Path]) -> None:
    """Refuse several descriptions in which a number stands for two classes, as those of two sets do."""
    names = names_in(path, read_yaml(path))
    for other in others:
        try:
            theirs = names_in(other, read_yaml(other))
        except PreparingError:  # names of something else
            continue
        for number in sorted(names.keys() & theirs.keys()):
            if names[number] != theirs[number]:
                raise PreparingError(
                    f'{path} has {names[number]!r} as number {number}, {other} has {theirs[number]!r}: take '
                    'away the one that the labels are not of, or prepare each part by itself'
                )


def _check_lists(path: Path, root: Path, files: list[Path]) -> None:
    """Refuse another list, beside data.yaml or the labels, in which a class has another number."""
    content = read_yaml(path) if is_yaml(path) else {}
    names = {name: number for number, name in names_in(path, content).items()}
    count = content.get('nc')
    if isinstance(count, int) and count != len(names):
        raise PreparingError(f'{path} has nc: {count}, but {len(names)} names: correct one of them')
    folders = {file.parent for file in _texts(files)}  # of labels, where labelImg writes one
    places = {root, path.parent, *folders}
    for file in files:
        if file.name.lower() not in LISTS or file.parent not in places:
            continue
        listed = lines_if_text(file)
        for number, name in enumerate(listed if len(set(listed)) == len(listed) else ()):
            if names.get(name, number) != number:
                raise PreparingError(
                    f'{file} has {name!r} as number {number}, {path} as number {names[name]}: take away the '
                    'one that the labels are not of'
                )


def _longest(paths: list[Path]) -> Path:
    """Of several lists of names the longest; labelImg writes one into each folder and adds names at the end.

    Raises:
        PreparingError: A number stands for one class in one of them and for another in another.
    """
    names = {path: list(names_in(path, {}).values()) for path in paths}
    longest = max(paths, key=lambda path: len(names[path]))
    for path in paths:
        if names[path] != names[longest][: len(names[path])]:
            raise PreparingError(
                f'{path} has the classes {quote(names[path])}, but {longest} has {quote(names[longest])}: a '
                'number would stand for two classes. Prepare each part by itself'
            )
    return longest


def is_yaml(path: Path) -> bool:
    """Whether a file is no list of names, but one that may also say where the images are."""
    return path.suffix.lower() in ('.yaml', '.yml')


def _has_names(path: Path) -> bool:
    try:
        return 'names' in read_yaml(path)
    except PreparingError:
        return path.stem == 'data'


def read_yaml(path: Path) -> dict[str, Any]:
    """What data.yaml has; nothing where it has no keys."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except UnicodeDecodeError as error:
        raise PreparingError(f'{path} is not UTF-8, save it as that: {error}') from error
    except (yaml.YAMLError, ValueError) as error:
        line = ' '.join(str(error).split())
        raise PreparingError(f'{path} is not readable YAML: {line}') from error
    return content if isinstance(content, dict) else {}


def names_in(path: Path, content: dict[str, Any]) -> dict[int, str]:
    """The name of each class by its number.

    Args:
        path: data.yaml, or a list with one name a line.
        content: What data.yaml has, empty for a list.

    Raises:
        PreparingError: There are no names, or two classes have the same.
    """
    names = content.get('names') if content else read_lines(path)
    if isinstance(names, str):
        names = [names]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or not all(str(key).isdigit() for key in names):
        raise PreparingError(f'{path} has no list of names: write names: [first, second, ...]')
    named = {int(key): class_name(names[key], path) for key in sorted(names, key=int)}
    double = [name for name, number in Counter(named.values()).items() if number > 1]
    if double:
        raise PreparingError(
            f'{path} has more than one class named {quote(double)}: give each a name of its own'
        )
    return named
