import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack

import pytest

from experiments import Job, Jobs, Progress, RunFailedError, locked


def job(name, calls, *, needs=(), key=None, result=None):
    def work(progress):
        calls.append(name)
        return result or {'value': len(calls)}

    return Job(name, name, work, key=key, needs=needs)


def run(jobs, root, **kwargs):
    jobs = Jobs(jobs, root)
    with Progress(len(jobs)) as progress:
        return jobs.run(progress, **kwargs)


def test_done_jobs_are_skipped_and_changed_ones_repeated_with_what_needs_them(tmp_path):
    calls = []
    first = [job('seed0/pretrain', calls, key=1), job('seed0/detect', calls, needs=('seed0/pretrain',))]
    assert run(first, tmp_path).results == {'seed0/pretrain': {'value': 1}, 'seed0/detect': {'value': 2}}
    assert run(first, tmp_path).results['seed0/detect'] == {'value': 2}
    assert calls == ['seed0/pretrain', 'seed0/detect']
    changed = [job('seed0/pretrain', calls, key=2), job('seed0/detect', calls, needs=('seed0/pretrain',))]
    run(changed, tmp_path)
    assert calls == ['seed0/pretrain', 'seed0/detect'] * 2


def test_a_failure_stops_only_what_needs_it(tmp_path, capsys):
    calls = []

    def fail(progress):
        raise RunFailedError('exit 1')

    jobs = [Job('a', 'a', fail), job('b', calls, needs=('a',)), job('c', calls)]
    outcome = run(jobs, tmp_path)
    assert outcome.failures == {'a': 'exit 1', 'b': 'needs a, which failed'}
    assert list(outcome.results) == ['c']
    assert '[1/3] a: FAILED' in capsys.readouterr().out
    assert Jobs(jobs, tmp_path).failures() == {'a': 'exit 1'}
    jobs[0] = job('a', calls)  # mended: the same command does the rest
    assert set(run(jobs, tmp_path).results) == {'a', 'b', 'c'}
    assert Jobs(jobs, tmp_path).failures() == {}


def test_the_report_is_written_after_every_job(tmp_path):
    seen = []
    jobs = [job('a', []), job('b', [])]
    run(jobs, tmp_path, on_result=lambda: seen.append(sorted(Jobs(jobs, tmp_path).results())))
    assert seen == [['a'], ['a', 'b']]


def test_a_job_comes_in_its_place_once_another_driver_has_done_what_it_needs(tmp_path, capsys):
    calls, first, other = [], job('a', []), ExitStack()
    other.enter_context(locked(tmp_path / 'a.json'))

    def work(progress):
        calls.append('c')
        other.close()
        with Progress(1) as theirs:
            Jobs([first], tmp_path).run(theirs)
        return {}

    run([first, job('b', calls, needs=('a',)), Job('c', 'c', work), job('d', calls)], tmp_path)
    assert calls == ['c', 'b', 'd']
    assert capsys.readouterr().out.splitlines()[-1].startswith('[4/4] d: ')


def test_bad_experiments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="two jobs are named 'a'"):
        Jobs([job('a', []), job('a', [])], tmp_path)
    with pytest.raises(ValueError, match="'a' needs 'b', which does not come before it"):
        Jobs([job('a', [], needs=('b',))], tmp_path)


DRIVER = textwrap.dedent(
    """
    import pathlib, sys, time
    from experiments import Job, Jobs, Progress

    root = pathlib.Path(sys.argv[1])

    def work(name):
        def call(progress):
            with (root / 'calls').open('a') as file:
                file.write(name + '\\n')
            time.sleep(0.3)
            return {'name': name}
        return call

    names = [f'job{i}' for i in range(6)]
    jobs = Jobs([Job(name, name, work(name)) for name in names] + [Job('last', 'last', work('last'), needs=names)], root)
    with Progress(len(jobs)) as progress:
        outcome = jobs.run(progress)
    assert len(outcome.results) == 7, outcome
    """
)


def test_two_drivers_share_the_jobs_and_run_none_twice(tmp_path):
    drivers = [subprocess.Popen([sys.executable, '-c', DRIVER, str(tmp_path)]) for _ in range(2)]
    assert [driver.wait(timeout=300) for driver in drivers] == [0, 0]
    calls = (tmp_path / 'calls').read_text().split()
    assert sorted(calls) == sorted([f'job{i}' for i in range(6)] + ['last'])


HOLDER = textwrap.dedent(
    """
    import subprocess, sys, time
    from experiments import locked

    with locked(sys.argv[1]) as lock:
        child = subprocess.Popen(['sleep', '60'], pass_fds=(lock,))
        print(child.pid, flush=True)
        time.sleep(60)
    """
)


def test_the_training_of_a_killed_driver_keeps_its_folder_locked(tmp_path):
    folder = tmp_path / 'run'
    with subprocess.Popen(
        [sys.executable, '-c', HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as driver:
        child = int(driver.stdout.readline())
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        with locked(folder, wait=False) as lock:
            assert lock is None
        os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 30
        lock = None
        while lock is None and time.monotonic() < deadline:
            with locked(folder, wait=False) as lock:
                pass
    assert lock is not None


def test_results_are_plain_json_beside_the_folder(tmp_path):
    run([job('seed0/a', [], result={'mAP': 0.5})], tmp_path)
    assert json.loads((tmp_path / 'seed0/a.json').read_text())['result'] == {'mAP': 0.5}
