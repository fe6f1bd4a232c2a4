"""Runs the command line tools as a user does."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment():
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}


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
