"""The part of setting up that needs no network."""

import sys
from pathlib import Path

import pytest
from cli import ROOT


@pytest.fixture
def setup_env(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import setup_env

    return setup_env


def test_without_a_python_for_snakemake_one_line_says_so(setup_env, monkeypatch, tmp_path, capsys):

    monkeypatch.setattr(setup_env, 'ROOT', tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'version_info', (3, 10, 13))
        patch.setenv('PATH', str(tmp_path))
        assert setup_env.find_python() == sys.executable
        setup_env.set_up_experiments()
    printed = capsys.readouterr().out
    assert printed.count('\n') == 1 and 'Without Python 3.11 or 3.12 there is no Snakemake' in printed
    assert not (tmp_path / setup_env.EXPERIMENTS).exists()


def test_a_changed_requirement_asks_for_a_new_installation(setup_env, monkeypatch, tmp_path):
    (tmp_path / 'experiments.txt').write_text('snakemake==9.0.0\n')
    monkeypatch.setattr(setup_env, 'ROOT', tmp_path)
    monkeypatch.setattr(setup_env, 'REQUIREMENTS', tmp_path)
    environment = setup_env.Environment('env', 'experiments')
    environment.path.mkdir()
    assert not environment.is_ready()
    environment.set_ready()
    assert setup_env.Environment('env', 'experiments').is_ready()
    (tmp_path / 'experiments.txt').write_text('snakemake==9.1.0\n')
    assert not setup_env.Environment('env', 'experiments').is_ready()


def test_every_stack_pins_its_parts(setup_env):
    for name, stack in setup_env.STACKS.items():
        assert all(setup_env.pinned(name, part).count('==') == 1 for part in ('mmengine', 'mmcv'))
        for part in (stack.build, stack.torch):
            assert (ROOT / 'requirements' / f'{part}.txt').is_file()


@pytest.fixture
def mmcv_wheel(setup_env, monkeypatch, tmp_path):
    import mmcv_wheel

    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(mmcv_wheel, 'has_ops', lambda python: True)
    return mmcv_wheel


def test_mmcv_is_compiled_once_for_all_checkouts(mmcv_wheel, tmp_path):
    """The second environment gets the wheel of the first."""
    commands = []

    def run(title, command, log, env=None):
        commands.append(list(map(str, command)))
        if 'wheel' in command:
            Path(command[command.index('--wheel-dir') + 1], 'mmcv-2.1.0-any.whl').touch()
        return 0

    python = Path(sys.executable)
    for _ in range(2):
        assert mmcv_wheel.install_mmcv('mmcv==2.1.0', python, ['pip'], tmp_path / 'log', run) is None
    assert [command[1] for command in commands] == ['wheel', 'install', 'install']
    kept = mmcv_wheel.cache_folder(python, 'mmcv==2.1.0')
    assert commands[-1][-1] == str(kept / 'mmcv-2.1.0-any.whl')
    assert mmcv_wheel.cache_folder(python, 'mmcv==2.2.0') != kept
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]  # nothing of the build is left


def test_what_fails_is_not_kept(mmcv_wheel, monkeypatch, tmp_path):
    python = Path(sys.executable)
    arguments = ('mmcv==2.1.0', python, ['pip'], tmp_path / 'log')
    assert mmcv_wheel.install_mmcv(*arguments, lambda *_: 1) == 'could not be built'
    monkeypatch.setattr(mmcv_wheel, 'has_ops', lambda python: False)

    def run(title, command, log, env=None):
        if 'wheel' in command:
            Path(command[command.index('--wheel-dir') + 1], 'mmcv-2.1.0-any.whl').touch()
        return 0

    assert 'compiled ops do not work' in mmcv_wheel.install_mmcv(*arguments, run)
    assert not mmcv_wheel.cache_folder(python, 'mmcv==2.1.0').exists()
