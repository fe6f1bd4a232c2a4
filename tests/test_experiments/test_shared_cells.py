"""Cells that two experiments share in one work dir, through the real Snakemake."""

import subprocess
import sys
import threading
import time

from cli import ROOT, environment

from experiments.engine import Engine, run
from experiments.locks import locked
from experiments.plan import Cell, Plan, write_json


def experiment(root, name):
    """A choice of the experiment's own, and one that all experiments in this work dir make alike."""
    trials = [Cell(f'tune/{i}', 'tune', f'trial {i}', 'a.py', settings={'i': i}) for i in range(2)]
    needs, settings = tuple(cell.name for cell in trials), {'trials': ['a', 'b']}
    return Plan.of(
        root,
        root / name,
        [
            *trials,
            Cell(f'{name}/own', 'choose', 'own', needs=needs, settings=settings),
            Cell('shared', 'choose', 'shared', needs=needs, settings=settings),
        ],
    )


def driven(plan):
    assert run(plan, Engine(), lambda *args, **kwargs: '') == {}
    return plan.results()


def test_a_result_that_another_experiment_has_made_meanwhile_stays_where_it_is(tmp_path):
    first, second = experiment(tmp_path, 'first'), experiment(tmp_path, 'second')
    for i in range(2):
        write_json(first.result_file(f'tune/{i}'), {'error': float(i), 'nll': 1.0})
    first.write()
    made = []

    def of_the_first():
        """Makes the shared result, once the second experiment has been planned and works on its own cell."""
        log = second.log_file('second/own')
        with locked(second.lock_file('second/own')):
            begun.set()
            while not (log.exists() and 'waiting until it has ended' in log.read_text()):
                time.sleep(0.1)
            assert not second.result_file('shared').exists()
            command = [sys.executable, '-m', 'experiments.cell', str(first.file), 'shared']
            subprocess.run(command, cwd=ROOT, env=environment(), check=True)
            made.append(first.result_file('shared').stat())

    begun = threading.Event()
    thread = threading.Thread(target=of_the_first, daemon=True)
    thread.start()
    begun.wait()
    results = driven(second)
    assert results['shared'] == results['second/own'] == {'candidate': 'a'}
    now = second.result_file('shared').stat()
    assert [(now.st_ino, now.st_mtime_ns)] == [(was.st_ino, was.st_mtime_ns) for was in made]


def test_what_depends_on_a_result_that_was_made_anew_is_made_anew(tmp_path):
    plan = experiment(tmp_path, 'mine')
    for i in range(2):
        write_json(plan.result_file(f'tune/{i}'), {'error': float(i), 'nll': 1.0})
    assert driven(plan)['shared'] == {'candidate': 'a'}
    time.sleep(0.05)
    write_json(plan.result_file('tune/0'), {'error': 5.0, 'nll': 1.0})
    assert driven(plan)['shared'] == {'candidate': 'b'}
    plan.result_file('shared').unlink()
    assert driven(plan)['shared'] == {'candidate': 'b'}
