"""What tests of the checks share."""

import copy
import functools

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
