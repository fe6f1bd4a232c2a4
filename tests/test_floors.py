"""The floors of the package: what may import what.

A room imports from its own floor only within itself, and otherwise from the floors below it. The library never
imports `experiments/` or `tools/`.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'mmdet_multimix'
# From the ground up. Rooms of one floor do not know each other.
FLOORS = (
    {'version', 'supported', 'shipped'},
    {'compat'},
    {'ops', 'utils'},
    {'checkpoints'},
    {'models.multimix'},
    {'models.dense_multimix'},
    {'models.classification', 'models.detection'},
    {'datasets', 'visualization'},
    {'evaluation'},
    {'engine'},
    {'checks'},
    {'preparing'},
    {'commands'},
    {'__main__'},
)
LEVELS = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted((ROOT / PACKAGE).rglob('*.py'))
}


def imports(module, path):
    """The absolute names of all that a file imports, in functions and for type checkers too."""
    package = module if path.name == '__init__.py' else module.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split('.')[: len(package.split('.')) - node.level + 1] if node.level else []
            name = '.'.join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f'{name}.{alias.name}'
                yield inner if inner in MODULES else name


def room(module):
    """The room that a module stands in; None for the package's and the models' own `__init__`."""
    parts = module.split('.')[1:]
    for length in (2, 1):
        name = '.'.join(parts[:length])
        if name in LEVELS:
            return name
    assert parts in ([], ['models']), f'{module} stands on no floor; give its room one in FLOORS'
    return None


@pytest.mark.parametrize('module', MODULES)
def test_a_file_imports_downwards_only(module):
    mine = room(module)
    for name in imports(module, MODULES[module]):
        assert name.split('.')[0] not in ('experiments', 'tools', 'tests', 'configs'), name
        if mine is None or not name.startswith(PACKAGE):
            continue
        theirs = room(name)
        assert theirs is not None, f'{module} imports {name}: name the room that it needs'
        assert theirs == mine or LEVELS[theirs] < LEVELS[mine], f'{module} reaches up or across to {name}'


def test_no_two_files_import_each_other():
    graph = {
        module: {name for name in imports(module, path) if name in MODULES and name != module}
        for module, path in MODULES.items()
        if path.name != '__init__.py'
    }
    done, under_way = set(), []

    def visit(module):
        assert module not in under_way, f'a circle: {" -> ".join([*under_way, module])}'
        if module in done or module not in graph:
            return
        under_way.append(module)
        for name in sorted(graph[module]):
            visit(name)
        under_way.pop()
        done.add(module)

    for module in graph:
        visit(module)
    assert len(done) > 50


def test_the_mathematics_needs_torch_alone():
    files = {module: path for module, path in MODULES.items() if room(module) == 'ops'}
    assert len(files) > 5
    for module, path in files.items():
        roots = {name.split('.')[0] for name in imports(module, path)}
        assert roots <= {'torch', PACKAGE} | set(sys.stdlib_module_names), (module, roots)
