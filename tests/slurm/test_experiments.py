"""An experiment on a real Slurm without accounting: to its table, past a killed driver and a cancelled job."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli import ROOT, environment
from queue_of import devices_of, jobs_named, queue, wait_until

from experiments.scalars import read_scalars

# The digits transfer with two methods, a detector and a seed, and schedules of seconds.
EXPERIMENT = """
methods = {'cross-entropy': 'ce.py', 'mixup': 'mixup.py'}
detectors = {'SSD': dict(config='ssd.py', metrics={'mAP': 'coco/bbox_mAP'})}
seeds = 1
digits = (8, 4)
"""
CLASSIFIER = """
_base_ = '{root}/configs/pretrain/resnet_tiny_digits_{name}.py'
train_cfg = dict(max_epochs=3)
train_dataloader = dict(dataset=dict(per_class=(0, 10)))
"""
# A checkpoint long before the end, and enough iterations behind it to be cancelled in.
DETECTOR = """
_base_ = '{root}/configs/detection/ssd_tiny_digits.py'
train_cfg = dict(max_iters=60, val_interval=60)
train_dataloader = dict(batch_size=2)
default_hooks = dict(checkpoint=dict(interval=3), logger=dict(interval=1))
"""
# What the node of these tests has room for.
SNAKEMAKE = ('--', '--default-resources', 'mem_mb=3000', 'runtime=60')


@pytest.fixture(scope='module')
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp('experiment')
    texts = {'small': EXPERIMENT, 'ssd': DETECTOR.format(root=ROOT)}
    texts |= {name: CLASSIFIER.format(root=ROOT, name=name) for name in ('ce', 'mixup')}
    for name, text in texts.items():
        (folder / f'{name}.py').write_text(text)
    return folder / 'small.py'


class Driver:
    """A front end that runs in the background."""

    def __init__(self, experiment, work_dir, log, *flags):
        self._log = log
        command = [sys.executable, 'tools/transfer.py', experiment, '--work-dir', work_dir, '--slurm', *flags]
        with log.open('w') as out:
            self.process = subprocess.Popen(
                [*map(str, command), *SNAKEMAKE],
                cwd=ROOT,
                env=environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self):
        return self._log.read_text()

    def wait(self, timeout=600):
        return self.process.wait(timeout)

    def kill(self):
        """As when the machine that it runs on goes down: Snakemake goes with it, the jobs stay."""
        pid = self.process.pid
        children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        for group in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.process.wait()


def test_to_the_table_past_a_killed_driver_and_a_cancelled_job(experiment, tmp_path):
    work_dir = tmp_path / 'work'
    pretrainings = [f'small/pretrain/{name}/seed0' for name in ('ce', 'mixup')]
    driver = Driver(experiment, work_dir, tmp_path / 'first.log')

    def running():
        assert driver.process.poll() is None, driver.said()
        return {name: job for job, (name, state) in queue().items() if state == 'RUNNING'}

    jobs = wait_until(lambda: len(running()) == 2 and running(), 'both pretrainings run')
    assert sorted(jobs) == pretrainings
    assert sorted(map(devices_of, jobs.values())) == ['0', '1']

    driver.kill()
    driver = Driver(experiment, work_dir, tmp_path / 'second.log')
    log = work_dir / 'small/snakemake.log'
    for name, job in jobs.items():
        taken_up = f'{name} is in the queue already, as job {job}'
        wait_until(lambda text=taken_up: log.exists() and text in log.read_text(), taken_up)

    cell = work_dir / 'small/seed0/ssd/mixup'
    wait_until((cell / 'last_checkpoint').exists, 'the detector has a checkpoint')
    cancelled = jobs_named('small/seed0/ssd/mixup')
    assert len(cancelled) == 1
    subprocess.run(['scancel', *cancelled], check=True)
    assert driver.wait() == 0, driver.said()

    for name, job in jobs.items():
        assert jobs_named(name, '--states=all') == [job]
    assert len(jobs_named('small/seed0/ssd/cross_entropy', '--states=all')) == 1
    again = jobs_named('small/seed0/ssd/mixup', '--states=all')
    assert len(again) == 2 and queue('--states=all')[cancelled[0]][1] == 'CANCELLED'
    assert 'resumed epoch: ' in cell.with_name('mixup.log').read_text()
    steps = [step for step, _ in read_scalars(cell, 'loss')]
    assert steps == list(range(1, 61))
    table = (work_dir / 'small/table.md').read_text()
    assert '| cross-entropy | 1 | ' in table and '| mixup | 1 | ' in table


def test_ctrl_c_cancels_a_cell_of_two_gpus(experiment, tmp_path):
    driver = Driver(experiment, tmp_path / 'work', tmp_path / 'log', '--gpus-per-cell', '2')
    job = wait_until(lambda: next(iter(queue('--states=running')), None), 'a job runs')
    assert devices_of(job) == '0-1'
    driver.process.send_signal(signal.SIGINT)
    assert driver.wait() != 0
    assert 'interrupted; the same command goes on from here' in driver.said()
    wait_until(lambda: not queue(), 'the queue is empty')
    assert queue('--states=all')[job][1] == 'CANCELLED'
