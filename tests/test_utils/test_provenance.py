"""What tells the code of a model from that of another day."""

import sys

import pytest
from mmengine.config import Config
from torch import nn

from mmdet_multimix.utils.provenance import code_of, versions


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """A module with a layer of somebody's own."""
    path = tmp_path / 'my_layers_of_provenance.py'
    path.write_text('from torch import nn\n\n\nclass Mine(nn.Linear):\n    factor = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop(path.stem, None)


@pytest.mark.parametrize('imports', ['my_layers_of_provenance', ['my_layers_of_provenance'], None])
def test_an_edited_layer_of_ones_own_is_other_code(own_code, imports):
    module = __import__(own_code.stem)
    model = nn.Sequential(nn.ReLU(), *([] if imports else [module.Mine(1, 1)]))
    cfg = Config(dict(custom_imports=dict(imports=imports)) if imports else {})
    first = code_of(cfg, model)
    assert code_of(cfg, model) == first and len(first) == len(versions()) + 1
    own_code.write_text(own_code.read_text().replace('factor = 1', 'factor = 2'))
    assert code_of(cfg, model) != first


def test_what_libraries_have_is_told_by_their_versions():
    model = nn.Sequential(nn.Linear(1, 1))
    assert code_of(Config(dict(custom_imports=None)), model) == [
        f'{name} {version}' for name, version in versions().items()
    ]
