"""Tools that run in a fork of the driver."""

import os
import subprocess
import sys
import textwrap

import pytest
from experiments.forked import ForkLauncher

from experiments import locked

SCRIPT = """
import os, sys, time
from beside import NAME

if __name__ == '__main__':
    print(NAME, sys.argv, sys.stdin.read() == '', flush=True)
    print('to the other stream', file=sys.stderr)
    os.system('echo from a child')
    {end}
"""


def start(folder, end, *arguments, lock=None):
    (folder / 'beside.py').write_text('NAME = "beside"')
    (folder / 'script.py').write_text(textwrap.dedent(SCRIPT).format(end=end))
    with (folder / 'log').open('a') as log:
        return ForkLauncher().start(
            folder / 'script.py', list(arguments), work_dir=folder, log=log, lock=lock
        )


def test_a_fork_runs_a_script_as_the_shell_does(tmp_path, capfd):
    process = start(tmp_path, 'sys.exit(3)', '--flag', 'value')
    assert process.wait() == process.poll() == process.returncode == 3
    assert sorted((tmp_path / 'log').read_text().splitlines()) == [
        f"beside ['{tmp_path / 'script.py'}', '--flag', 'value'] True",
        'from a child',
        'to the other stream',
    ]
    assert capfd.readouterr() == ('', '')  # all of it is in the log, nothing on the driver's terminal


@pytest.mark.parametrize(
    'end, status, said',
    [
        ('pass', 0, ''),
        ("sys.exit('no data')", 1, 'no data'),
        ("raise ValueError('bad value')", 1, 'ValueError: bad value'),
    ],
)
def test_it_ends_as_a_script_does(tmp_path, end, status, said):
    assert start(tmp_path, end).wait() == status
    assert said in (tmp_path / 'log').read_text()


def test_it_can_be_ended_and_holds_the_lock_as_long(tmp_path):
    folder = tmp_path / 'run'
    with locked(folder) as lock:
        process = start(tmp_path, 'time.sleep(60)', lock=lock)
        assert process.poll() is None
    # The driver has let go of it, as one that was killed.
    with locked(folder, wait=False) as lock:
        assert lock is None
    process.terminate()
    assert process.wait() != 0
    with locked(folder, wait=False) as lock:
        assert lock is not None


DRIVER = """
import pathlib, sys, torch
from experiments.forked import quick_launcher

launcher, folder = quick_launcher(), pathlib.Path(sys.argv[1])
x = torch.randn(300, 300)
(x @ x).softmax(1)  # threads, but for the launcher
with (folder / 'log').open('w') as log:
    process = launcher.start(folder / 'compute.py', [], work_dir=folder, log=log, lock=None)
    sys.exit(process.wait())
"""
COMPUTE = """
import torch

x = torch.randn(300, 300, requires_grad=True)
(x @ x).softmax(1).square().sum().backward()
print(torch.get_num_threads(), x.grad.isfinite().all().item())
"""


def test_a_fork_has_the_threads_that_its_driver_goes_without(tmp_path):
    (tmp_path / 'driver.py').write_text(DRIVER)
    (tmp_path / 'compute.py').write_text(COMPUTE)
    command = [sys.executable, str(tmp_path / 'driver.py'), str(tmp_path)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '2', 'CUDA_VISIBLE_DEVICES': ''}
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert (tmp_path / 'log').read_text() == '2 True\n'
