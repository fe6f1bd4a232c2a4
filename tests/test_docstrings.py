"""One markup for docstrings: Google style, which ruff holds, with Sphinx roles and double backticks."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'mmdet_multimix'
FILES = [path for path in sorted(PACKAGE.rglob('*.py')) if path.stat().st_size]
SINGLE = re.compile(r'(?<![`:\w])`[^`]+`(?![`_])')


def docstrings(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield ast.get_docstring(node) or ''


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_code_in_docstrings_has_double_backticks(path):
    found = [match for text in docstrings(path.read_text()) for match in SINGLE.findall(text)]
    assert not found


def test_single_backticks_would_be_found():
    (text,) = docstrings('"""Take `x` of :class:`A`, not ``y``."""')
    assert SINGLE.findall(text) == ['`x`']
