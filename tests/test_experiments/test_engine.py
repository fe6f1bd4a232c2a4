"""Where and how cells run, as the command line says it."""

import argparse

import pytest

from experiments.engine import SLURM
from experiments.front_end import add_arguments, engine_of, parse


@pytest.fixture
def engine(monkeypatch):
    def of(*flags):
        parser = argparse.ArgumentParser()
        parser.add_argument('experiment')
        add_arguments(parser)
        monkeypatch.setattr('sys.argv', ['transfer.py', 'mine.py', *flags])
        args = parse(parser)
        assert args.experiment == 'mine.py'
        return engine_of(args)

    return of


def test_what_follows_two_dashes_is_for_snakemake(engine):
    assert engine('--jobs', '2').options == ()
    found = engine('--jobs', '2', '--', '--default-resources', 'runtime=60', '--jobs', '3')
    assert found.jobs == 2 and found.options == ('--default-resources', 'runtime=60', '--jobs', '3')


def test_slurm_is_looked_for(engine, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ValueError, match='--slurm needs sbatch, which is not on the PATH'):
        engine('--slurm')
    (tmp_path / 'sbatch').write_text('#!/bin/sh\n')
    (tmp_path / 'sbatch').chmod(0o755)
    found = engine('--slurm')
    assert found.profile == SLURM and found.gpus == 1 and found.jobs is None
    lab = tmp_path / 'lab'
    lab.mkdir()
    assert engine('--slurm', '--profile', str(lab)).profile == lab
    with pytest.raises(ValueError, match=r'nowhere does not exist'):
        engine('--profile', str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('option', ['--forceall', '-R', '--touch', '--forcerun=a'])
def test_what_would_do_nothing_is_refused_with_what_does(engine, option):
    with pytest.raises(ValueError, match=r'delete the result-\*\.json of the cells'):
        engine('--', option)
