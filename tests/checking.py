"""What tests of the checks share."""

import copy
import functools
from pathlib import Path

import mmdet
import pytest
from cli import ROOT
from mmengine.config import Config

from mmdet_multimix.checks import PreflightError, check_config


def training_on(dataset, **kwargs):
    """A config that trains on a set."""
    return Config(dict(train_dataloader=dict(dataset=dataset), **kwargs))


def error_of(cfg, stage='train'):
    with pytest.raises(PreflightError) as error:
        check_config(cfg, stage)
    return str(error.value)


@functools.cache
def _read(name):
    return Config.fromfile(ROOT / 'configs/detection' / f'{name}.py')


def detector(name):
    """A shipped config. Reading one takes a second, so it is read once."""
    return copy.deepcopy(_read(name))


def mmdets(name):
    """A config that mmdet ships. The test is skipped where another release of it lacks the file."""
    path = Path(mmdet.__file__).parent / '.mim/configs' / f'{name}.py'
    if not path.is_file():
        pytest.skip(f'this mmdet has no {name}')
    return Config.fromfile(path)
