"""The page of messages: each is in the code, and each message of the checks is on the page."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'troubleshooting.md').read_text()
HEADINGS = re.findall(r'^### `(.+)`$', PAGE, re.MULTILINE)
SHORTEST = 25  # shorter texts are parts of a message or names


def texts(path):
    """The texts of a file but its docstrings, with … in place of what is filled in."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and _text(node.value) is not None
    }

    def walk(node):
        text = _text(node)
        if text is None:
            for child in ast.iter_child_nodes(node):
                yield from walk(child)
        elif id(node) not in docstrings:
            yield text
            for value in getattr(node, 'values', ()):
                if isinstance(value, ast.FormattedValue):
                    yield from walk(value)

    return list(walk(tree))


def _text(node):
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return ''.join(_text(value) if isinstance(value, ast.Constant) else '…' for value in node.values)
    return None


def messages():
    """The messages of the checks, by file."""
    for path in sorted((ROOT / 'mmdet_multimix' / 'checks').glob('*.py')):
        for text in texts(path):
            if len(text) > SHORTEST and text.count(' ') > 3:
                yield path.name, text


def test_texts_are_found_without_docstrings(tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('"""Of a file."""\ndef f(x):\n    """Of f."""\n    yield f"{x} is {x + f(\'inner\')}"\n')
    assert texts(path) == ['… is …', 'inner']


def test_every_message_on_the_page_is_in_the_code():
    code = [text for path in sorted((ROOT / 'mmdet_multimix').rglob('*.py')) for text in texts(path)]
    gone = [heading for heading in HEADINGS if not any(heading in text for text in code)]
    assert not gone, f'docs/troubleshooting.md: no message of the code has these words any more: {gone}'
    assert len(HEADINGS) == len(set(HEADINGS)) > 40


def test_every_message_of_the_checks_is_on_the_page():
    there = list(messages())
    missing = [(name, text) for name, text in there if not any(heading in text for heading in HEADINGS)]
    assert not missing, f'give docs/troubleshooting.md a heading with words of each: {missing}'
    assert len(there) > 40
