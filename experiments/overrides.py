"""Configs as cells name them: a hash of what they say, and overrides as the command line takes them."""

from __future__ import annotations

import argparse
import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmdet_multimix.checks.config_file import override
from mmdet_multimix.checks.config_file import read_config as read

from .plan import digest


def config_hash(path: str | Path) -> str:
    """A hash of all that a config says, the files that it builds on included."""
    return digest(read(path).pretty_text)


def read_config(path: str | Path, options: Mapping[str, Any]) -> Config:
    """A config with overrides.

    Args:
        path: The file. It is read once.
        options: The overrides, as values or as in :func:`as_texts`.

    Raises:
        ValueError: As in :func:`as_texts`.
    """
    cfg = copy.deepcopy(_read(Path(path)))
    if options:
        # A cell gets them through --cfg-options: what is checked before is what that makes of them.
        override(cfg, as_values(as_texts(str(path), options)))
    return cfg


def as_texts(where: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Overrides as `--cfg-options` takes them.

    Args:
        where: What they are of, for the message.
        options: The overrides. A string is passed as it stands, so that it may also be the text of a value.

    Raises:
        ValueError: A value that `--cfg-options` would not give back, such as a dict.
    """
    texts = {key: str(value) for key, value in options.items()}
    for key, value in as_values(texts).items():
        same = (
            not any(map(str.isspace, texts[key])) if isinstance(options[key], str) else value == options[key]
        )
        if not same:
            raise ValueError(
                f'{where}: the override {key}={options[key]!r} does not survive --cfg-options, which reads '
                f'{value!r}; write a config with it instead'
            )
    return texts


def as_values(texts: Mapping[str, str]) -> dict[str, Any]:
    """What `--cfg-options` makes of texts."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    return parser.parse_args(['--cfg-options', *(f'{key}={text}' for key, text in texts.items())]).cfg_options


@functools.cache
def _read(path: Path) -> Config:
    return read(path)
