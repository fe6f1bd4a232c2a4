"""Where and how cells run, as the command line says it."""

import argparse
import os
import signal

import pytest

from experiments.engine import SLURM, Engine, _ended_by_signals, _environment, _threads
from experiments.front_end import add_arguments, engine_of, parse
from experiments.plan import Plan


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


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_was_ignored_ends_it_but_for_a_closed_terminal_under_nohup(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        ended = False
        try:
            with _ended_by_signals():
                os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            ended = True
        assert ended == (number != signal.SIGHUP)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_closed_terminal_ends_it():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    try:
        with pytest.raises(KeyboardInterrupt), _ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(('text', 'threads'), [('3', 3), ('4,2', 4), ('', 5), ('0', 5), ('many', 5)])
def test_threads_are_as_openmp_reads_them(monkeypatch, text, threads):
    """A list is one of nested regions; what is no number is as if it was not there."""
    monkeypatch.setenv('OMP_NUM_THREADS', text)
    monkeypatch.setattr('os.cpu_count', lambda: 10)
    assert _threads(Engine(jobs=2)) == threads


def test_snakemake_keeps_its_cache_in_the_work_dir_where_the_home_cannot_have_one(monkeypatch, tmp_path):
    plan = Plan(tmp_path, tmp_path / 'out', {})
    (tmp_path / 'file').touch()
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    for home, cache in ((tmp_path, None), (tmp_path / 'file', str(tmp_path / 'out/.snakemake/cache'))):
        monkeypatch.setenv('HOME', str(home))
        assert _environment(plan, Engine()).get('XDG_CACHE_HOME') == cache
    with monkeypatch.context() as nobody:  # a user without an entry
        nobody.delenv('HOME')
        nobody.setattr('pwd.getpwuid', {}.__getitem__)
        assert _environment(plan, Engine())['XDG_CACHE_HOME'] == str(tmp_path / 'out/.snakemake/cache')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert _environment(plan, Engine())['XDG_CACHE_HOME'] == str(tmp_path)
