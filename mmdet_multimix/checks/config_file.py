"""Reads a config file, and says in one line why it cannot be read.

mmengine raises whatever Python, YAML or JSON raise, from deep inside, and not always with the name of the
file. On a config that is its own base it recurses for many seconds.
"""

from __future__ import annotations

import ast
import os
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mmengine
from mmdet.registry import MODELS
from mmengine.config import Config, DictAction
from mmengine.dataset import BaseDataset
from mmengine.utils import import_modules_from_strings

from ..utils.one_line import InputError, with_type
from ..utils.registered import is_a, registered
from .own_code import has_own_runner, takes_several
from .walk import data_sets, nodes

_SUFFIXES = ('.py', '.yaml', '.yml', '.json')
_CHECKPOINTS = ('.pth', '.pt', '.pkl', '.ckpt', '.bin', '.safetensors')
_NEEDED = {
    'train': ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
    'evaluate': ('test_dataloader',),
}
# Parts of a model, by the package whose models build them.
_DETECTOR = ('backbone', 'neck', 'head', 'rpn_head', 'roi_head', 'bbox_head', 'mask_head')
_PARTS = {'mmdet': _DETECTOR, 'mmdet_multimix': (*_DETECTOR, 'method')}
_LONGEST = 500  # characters of somebody else's error


class OverrideAction(DictAction):
    """``--cfg-options KEY=VALUE ...``, with an error of the command line for what is none."""

    hint = ''  # behind the error

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Adds the overrides to the namespace."""
        for value in values or ():
            if not value.partition('=')[0] or '=' not in value:
                parser.error(f'{option_string} takes KEY=VALUE, got {value!r}{self.hint}')
        try:
            super().__call__(parser, namespace, values, option_string)
        except (ValueError, AssertionError) as error:
            parser.error(f'{option_string} {" ".join(values)}: {error}')


def read_config(path: str | Path) -> Config:
    """Read a config file.

    Args:
        path: The file.

    Raises:
        InputError: It is not there, no config, or does not run.
    """
    path = str(path)
    _check_bases(path, ())
    try:
        return Config.fromfile(path)
    except (Exception, SystemExit) as error:  # it is Python, so anything may happen in it
        place = f'{path}{_line_in(error, path)}'
        raise InputError(f'config {place} cannot be read: {_reason(error)}') from error


def override(cfg: Config, overrides: Mapping[str, Any]) -> None:
    """Set keys of a config, one by one.

    Args:
        cfg: The config.
        overrides: Values by dotted keys.

    Raises:
        InputError: One has no place in the config, or names a module that cannot be imported; names it.
    """
    for key, value in overrides.items():
        try:
            cfg.merge_from_dict({key: value})
        except Exception as error:
            raise InputError(f'the override {key}={value} does not fit: {_reason(error)}') from error
    if any(key.split('.')[0] == 'custom_imports' for key in overrides):
        _import(cfg.custom_imports)  # mmengine imports what the file names, and no more


def _import(custom_imports: Any) -> None:
    try:
        import_modules_from_strings(**(custom_imports or {'imports': None}))
    except (Exception, SystemExit) as error:  # they are Python, too
        why = (
            _not_imported(error)
            if isinstance(error, ImportError)
            else f'it cannot be imported: {_reason(error)}'
        )
        raise InputError(f'custom_imports={custom_imports}: {why}') from error


def check_needed(cfg: Config, stage: str) -> None:
    """Refuse a config that lacks what a run cannot do without, before anything else is asked of it.

    Args:
        cfg: The config.
        stage: ``'train'``, ``'test'`` or ``'evaluate'``.

    Raises:
        InputError: With a line for each key that is missing or of a wrong type.
    """
    faults = list(_lacking(cfg, stage))
    if faults:
        raise InputError('\n'.join([f'cannot {stage}:', *(f'  - {fault}' for fault in faults)]))


def _lacking(cfg: Config, stage: str) -> Iterator[str]:
    if has_own_runner(cfg):
        return
    for key in ('model', *_NEEDED[stage]):
        value = cfg.get(key)
        if value is None:
            yield f'{key}: the config has none, without which it cannot {stage}; is it a part of a config?'
        elif not isinstance(value, (dict, list, tuple) if takes_several(cfg, key) else dict):
            yield f'{key} must be a dict, got {value!r}'
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(key)
        if isinstance(loader, dict) and not loader.get('dataset') and not takes_several(cfg, key):
            yield f'{key}: it has no dataset'
    for key in ('custom_hooks', 'param_scheduler'):
        value = cfg.get(key)
        if value is not None and not isinstance(value, (list, tuple, dict)):
            yield f'{key} must be a list of dicts, got {value!r}'
    for key in ('default_hooks', 'randomness', 'env_cfg', 'auto_scale_lr'):
        if not isinstance(cfg.get(key, {}), (dict, type(None))):
            yield f'{key} must be a dict, got {cfg[key]!r}'
    seed = cfg['randomness'].get('seed') if isinstance(cfg.get('randomness'), dict) else None
    if not isinstance(seed, (int, type(None))):
        yield f'randomness.seed must be a whole number, got {seed!r}'
    if stage == 'train' and isinstance(cfg.get('train_cfg'), dict):
        for key in ('max_epochs', 'max_iters'):
            length = cfg.train_cfg.get(key)
            if isinstance(length, (int, float)) and length < 1:
                yield f'train_cfg.{key} is {length}: nothing would be trained'
    yield from _no_dicts(cfg)


def _no_dicts(cfg: Config) -> Iterator[str]:
    """Find numbers and names where a model or a data set takes dicts, such as ``backbone='ResNet'``.

    Elsewhere they may be right: soft NMS has a ``method``, a config may have variables of any name, and
    a model of another package may build its backbone from a name.
    """
    for key, node in nodes(cfg.get('model'), 'model'):
        for name in _PARTS['mmdet_multimix']:
            if _is_plain(node.get(name)) and name in _PARTS.get(_package(node.get('type')), ()):
                yield f'{key}.{name} must be a dict, got {node[name]!r}'
    loaders = [key for key in cfg if key.endswith('_dataloader') and isinstance(cfg[key], dict)]
    for dataset in data_sets(cfg, loaders):
        metainfo = dataset.cfg.get('metainfo')
        if _is_plain(metainfo) and is_a(dataset.type, BaseDataset):
            yield f'{dataset.key}.metainfo must be a dict, got {metainfo!r}'


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _package(kind: Any) -> str:
    """The package that says what a type of model is built from."""
    built = getattr(registered(kind, MODELS), '__init__', None)
    return getattr(built, '__module__', '').partition('.')[0]


def _check_bases(path: str, above: tuple[str, ...]) -> None:
    """Refuse a file that is no config, and one whose bases lead back to it, before mmengine reads any."""
    text = _text_of(path)
    above = (*above, os.path.realpath(path))
    for base in _bases_of(path, text):
        if not isinstance(base, str):
            raise InputError(f'config {path}: _base_ must be a path or a list of paths, got {base!r}')
        if '::' in base or '{{' in base:  # of an installed package, or filled in by mmengine
            continue
        file = os.path.join(os.path.dirname(path), base)
        if os.path.realpath(file) in above:
            way = ' -> '.join(os.path.basename(name) for name in (*above, os.path.realpath(file)))
            raise InputError(f'config {path} is, through _base_, its own base: {way}')
        if not os.path.isfile(file):
            raise InputError(f'config {path}: its _base_ {file} does not exist')
        _check_bases(file, above)


def _text_of(path: str) -> str:
    if os.path.isdir(path):
        raise InputError(f'config {path} is a folder; give a file')
    if not os.path.isfile(path):
        raise InputError(f'config {path} does not exist')
    suffix = Path(path).suffix.lower()
    if suffix in _CHECKPOINTS:
        raise InputError(f'config {path} is a checkpoint by its name; the config comes first')
    if suffix not in _SUFFIXES:
        raise InputError(f'config {path} must end in {", ".join(_SUFFIXES)}')
    try:
        text = Path(path).read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise InputError(f'config {path} is no text in UTF-8: {error.reason}') from error
    except OSError as error:
        raise InputError(f'config {path} cannot be read: {error.strerror}') from error
    if not text.strip():
        raise InputError(f'config {path} is empty')
    return text


def _bases_of(path: str, text: str) -> list[Any]:
    """What ``_base_`` says, as far as it can be known without running the file."""
    if not path.endswith('.py'):
        try:
            content = mmengine.load(path)
        except Exception as error:
            raise InputError(
                f'config {path} is no valid {Path(path).suffix[1:]}: {_reason(error)}'
            ) from error
        if not isinstance(content, dict):
            raise InputError(f'config {path} must hold keys and values, got a {type(content).__name__}')
        return _as_list(content.get('_base_', []))
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError) as error:
        if '{{' in text:  # mmengine fills these in first
            return []
        line = getattr(error, 'lineno', None)
        where = f', line {line}' if line else ''
        raise InputError(f'config {path}{where}: {getattr(error, "msg", None) or error}') from error
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == '_base_' for target in node.targets
        ):
            try:
                return _as_list(ast.literal_eval(node.value))
            except ValueError:
                return []
    return []


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return 'its bases lead back to it'
    if isinstance(error, RuntimeError) and not str(error):
        return 'it calls what it imports, and a config with imports may only name it: write dicts with a type'
    if isinstance(error, ImportError):
        return f'custom_imports: {_not_imported(error)}'
    return with_type(error)[:_LONGEST]


def _not_imported(error: BaseException) -> str:
    """Why a module of ``custom_imports`` cannot be imported; mmengine leaves it to the cause of its error."""
    chain, said = [error], 'Failed to import '
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    cause = chain[-1]
    if cause is error:
        return with_type(error)[:_LONGEST]
    texts = [str(link) for link in reversed(chain)]
    named = next((text.removeprefix(said) for text in texts if text.startswith(said)), '')
    missing = getattr(cause, 'name', None)
    there = named and missing and not (named == missing or named.startswith(f'{missing}.'))
    remedy = '' if there or not missing else '; PYTHONPATH has to name the folder that it is in'
    return f'{named or "a module"} cannot be imported: {with_type(cause)[:_LONGEST]}{remedy}'


def _line_in(error: BaseException, path: str) -> str:
    """The line of a config, or of a base, in which an error was raised."""
    found = ''
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        is_config = file.endswith(_SUFFIXES) and '_base_' in frame.f_globals
        if is_config and frame.f_code.co_name == '<module>':
            own = os.path.abspath(file) == os.path.abspath(path)
            found = f', line {line}' if own else f' (line {line} of {file})'
    return found
