"""Runs the command line tools as a user does."""

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment():
    # A tool that ran in this process has told torch to load weights only; stock mmdet's processes are not told.
    inherited = {key: value for key, value in os.environ.items() if key != 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'}
    return {**inherited, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}


def tool(name, *arguments, options=None, fails=False, timeout=300):
    """Runs `tools/NAME`, checks that it ends as expected and returns its output."""
    command = [sys.executable, str(ROOT / 'tools' / name), *map(str, arguments)]
    if options:
        command += ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    output = result.stdout + result.stderr
    assert (result.returncode != 0) == fails, output[-6000:]
    return output


def call(monkeypatch, name, *arguments, options=None):
    """Runs `tools/NAME` in this process, without the ten seconds of a new interpreter."""
    rest = ['--cfg-options', *(f'{key}={value}' for key, value in options.items())] if options else []
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments), *rest])
    monkeypatch.syspath_prepend(ROOT / 'tools')
    runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')


def drive(name, experiment, work_dir, log, *flags, gpus=''):
    """Starts a front end in the background; what it says goes into `log`."""
    command = [sys.executable, str(ROOT / 'tools' / name), str(experiment), '--work-dir', str(work_dir)]
    return subprocess.Popen(
        [*command, *flags],
        cwd=ROOT,
        env={**environment(), 'MULTIMIX_GPUS': gpus},
        stdout=log.open('w'),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def pids_of(work_dir, *words):
    """The processes that have a work dir and all words in their command line."""
    found = []
    for entry in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            command = (entry / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
            if str(work_dir) in command and all(word in command for word in words):
                found.append(int(entry.name))
    return found


def kill_all(work_dir, but=()):
    """Kills all processes of a work dir, as when the machine goes down."""
    while pids := set(pids_of(work_dir)) - set(but):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def wait_for(condition, driver, timeout=300):
    """Waits until something has come, while a front end runs."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert driver.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
