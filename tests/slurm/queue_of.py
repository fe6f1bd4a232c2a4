"""What people see of Slurm's queue, for its tests."""

import subprocess
import time


def queue(*arguments):
    """The jobs: `{id: (name, state)}`; `--states=all` shows those that have ended, too."""
    command = ['squeue', '--noheader', '--format=%i|%j|%T', *arguments]
    lines = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()
    return {job: (name, state) for job, name, state in (line.split('|') for line in lines)}


def jobs_named(name, *arguments):
    """The ids of the jobs of a name, in the order of their submission."""
    return sorted((job for job, (found, _) in queue(*arguments).items() if found == name), key=int)


def devices_of(job):
    """The pretended GPUs of a running job, as Slurm numbers them: '0', '1' or '0-1'."""
    shown = subprocess.run(['scontrol', '--details', 'show', 'job', job], capture_output=True, text=True)
    return shown.stdout.partition('GRES=gpu')[2].partition('IDX:')[2].partition(')')[0]


def wait_until(condition, what, timeout=400):
    """What the condition gives as soon as that is true."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f'waited {timeout} s until {what}'
        time.sleep(0.1)
    return found
