"""The site: it builds without a warning, has every public name, and says nothing that is not there."""

import ast
import importlib
import re
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
PAGES = [
    *sorted(path for path in DOCS.rglob('*.md') if '_build' not in path.parts),
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    ROOT / 'CHANGELOG.md',
    ROOT / 'SECURITY.md',
    ROOT / 'experiments' / 'README.md',
]
ROOMS = (
    'models',
    'models.classification',
    'models.detection',
    'ops',
    'engine',
    'checkpoints',
    'checks',
    'datasets',
    'evaluation',
    'evaluation.detection',
    'visualization',
)
FENCE = re.compile(r'^( *)```(\w*)\n(.*?)^\1```', re.MULTILINE | re.DOTALL)


def name_of(path):
    return str(path.relative_to(ROOT))


def blocks(path, language):
    return [
        re.sub(f'^{indent}', '', code, flags=re.MULTILINE)
        for indent, kind, code in FENCE.findall(path.read_text())
        if kind == language
    ]


def anchors(path):
    """The anchors of a page's headings, as forges and MyST make them."""
    text = FENCE.sub('', path.read_text())
    found = []
    for heading in re.findall(r'^#+ (.+)$', text, re.MULTILINE):
        plain = re.sub(r'\[(.*?)\]\(.*?\)', r'\1', heading).replace('`', '').strip().lower()
        found.append(
            ''.join(
                char
                for char in plain.replace(' ', '-')
                if char in '-_' or unicodedata.category(char)[0] in 'LN'
            )
        )
    return found


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html', DOCS, out]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return out


def test_every_public_name_has_an_entry(site):
    inventory = (site / 'objects.inv').read_bytes()
    there = zlib.decompress(inventory.split(b'zlib.\n', 1)[1]).decode()
    names = {line.split()[0].rpartition('.')[2] for line in there.splitlines()}
    for room in ROOMS:
        module = importlib.import_module(f'mmdet_multimix.{room}')
        public = [name for name in module.__all__ if not isinstance(getattr(module, name), type(importlib))]
        assert public and not set(public) - names, f'{room}: {sorted(set(public) - names)}'


def test_every_page_can_be_reached(site):
    reached, todo = set(), ['index.html']
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        text = (site / page).read_text()
        for link in re.findall(r'href="([^"#:]+\.html)', text):
            todo.append(str((site / page).parent.joinpath(link).resolve().relative_to(site.resolve())))
    pages = {name_of(path)[len('docs/') :].replace('.md', '.html') for path in PAGES if DOCS in path.parents}
    assert pages <= reached, pages - reached


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = FENCE.sub('', page.read_text())
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if re.match(r'(https?|mailto):', target):
            continue
        file, _, anchor = target.partition('#')
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f'{target}: no such file'
        if anchor:
            assert anchor in anchors(path), f'{target}: no such heading; there are {anchors(path)}'


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    named = re.findall(
        r'(?<![\w/.~-])((?:configs|tools|docs|experiments|mmdet_multimix|tests|benchmarks|requirements)/'
        r'[\w./-]+\.(?:py|sh|md|yml|yaml|json|png|txt|ipynb))\b',
        page.read_text(),
    )
    placeholders = re.compile(r'[A-Z]{3,}(?!\w*ME\.md)')
    missing = [
        name
        for name in named
        if not placeholders.search(name) and not (ROOT / name).exists() and '_build' not in name
    ]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_python_blocks_are_python_and_configs_can_be_read(page, tmp_path):
    for number, code in enumerate(blocks(page, 'python')):
        ast.parse(code)
        if code.startswith('_base_'):
            path = tmp_path / f'block_{number}.py'
            code = re.sub(r'imports=\[.*?\]', "imports=['mmdet_multimix']", code)
            path.write_text(code.replace("'configs/", f"'{ROOT}/configs/"))
            assert Config.fromfile(path).get('model')


def test_the_readme_names_the_commands_of_ci():
    readme = (ROOT / 'README.md').read_text()
    for command in re.findall(r'^make .+$', (ROOT / '.ci' / 'run').read_text(), re.MULTILINE):
        assert command in readme, command


def test_versions_agree():
    from mmdet_multimix import __version__

    assert re.search(r'^version: (.+)$', (ROOT / 'CITATION.cff').read_text(), re.MULTILINE)[1] == __version__
    assert __version__ in (ROOT / 'CHANGELOG.md').read_text()
