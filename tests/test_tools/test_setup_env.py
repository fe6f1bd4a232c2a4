"""The part of setting up that needs no network."""

import sys

import pytest
from cli import ROOT


@pytest.fixture
def setup_env(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import setup_env

    return setup_env


def test_without_a_python_for_snakemake_one_line_says_so(setup_env, monkeypatch, tmp_path, capsys):
    (tmp_path / 'pyproject.toml').touch()
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
    for name in ('pyproject.toml', 'experiments.txt'):
        (tmp_path / name).write_text('snakemake==9.0.0\n')
    monkeypatch.setattr(setup_env, 'ROOT', tmp_path)
    monkeypatch.setattr(setup_env, 'REQUIREMENTS', tmp_path)
    environment = setup_env.Environment('env', 'experiments')
    environment.path.mkdir()
    assert not environment.is_ready()
    environment.set_ready()
    assert setup_env.Environment('env', 'experiments').is_ready()
    (tmp_path / 'experiments.txt').write_text('snakemake==9.1.0\n')
    assert not setup_env.Environment('env', 'experiments').is_ready()
