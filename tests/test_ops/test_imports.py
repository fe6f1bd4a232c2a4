"""The mathematics depends on torch and on nothing else of this package or of OpenMMLab's."""

import ast
import sys
from pathlib import Path

import pytest

import mmdet_multimix.ops as ops

FILES = sorted(Path(ops.__file__).parent.glob('**/*.py'))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f'{path.name} reaches out of ops/'
            if node.level == 0:
                yield node.module


@pytest.mark.parametrize('path', FILES, ids=lambda p: p.name)
def test_torch_only(path):
    roots = {name.split('.')[0] for name in imported(path)}
    assert roots <= {'torch'} | set(sys.stdlib_module_names), roots


def test_names():
    assert len(FILES) > 5
    for name in ops.__all__:
        assert callable(getattr(ops, name)) and getattr(ops, name).__doc__
