"""What --cfg-options gives counts as if it stood in the config."""

import sys

import pytest
from cli import ROOT
from mmdet.registry import MODELS

from mmdet_multimix.checks.config_file import override, read_config
from mmdet_multimix.utils.one_line import InputError

CE = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A package of a user's that registers a model."""
    name = f'package_of_{tmp_path.name}'
    kind = f'Head_{tmp_path.name}'
    code = f"""
from mmdet.registry import MODELS
from torch import nn


@MODELS.register_module()
class {kind}(nn.Identity):
    pass
"""
    (tmp_path / f'{name}.py').write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield name, kind
    sys.modules.pop(name, None)


@pytest.mark.parametrize(
    'overrides',
    [
        lambda name: {'custom_imports.imports': ['mmdet_multimix', name]},
        lambda name: {'custom_imports.imports': name},
        lambda name: {'custom_imports': dict(imports=[name], allow_failed_imports=False)},
    ],
)
def test_custom_imports_are_imported(theirs, overrides):
    name, kind = theirs
    override(read_config(CE), {'model.head.in_channels': 3})
    assert MODELS.get(kind) is None
    cfg = read_config(CE)
    override(cfg, overrides(name))
    assert MODELS.get(kind) is sys.modules[name].__dict__[kind]
    assert name in cfg.custom_imports.imports


@pytest.mark.parametrize(
    'value',
    [['no_such_package'], 'no_such_package', ('mmdet_multimix',), [3]],
    ids=['list', 'text', 'tuple', 'number'],
)
def test_what_cannot_be_imported_is_named(value):
    with pytest.raises(InputError, match=r'custom_imports.*cannot be imported: (ModuleNotFound|Type)Error'):
        override(read_config(CE), {'custom_imports.imports': value})
    with pytest.raises(InputError, match=r'cannot be imported: (ModuleNotFound|Type)Error'):
        override(read_config(CE), {'custom_imports': value if isinstance(value, list) else [value]})


def test_none_imports_nothing():
    cfg = read_config(CE)
    override(cfg, {'custom_imports': None})
    assert cfg.custom_imports is None
