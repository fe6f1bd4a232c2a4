"""Snakemake's executor for Slurm, with three things that experiments need of it.

* A job has the name of its cell, such as `digits/seed0/ssd/mixup`: people read it in the queue. Snakemake's
  own executor names all jobs of a run by one random number, since it asks for them by name.
* A cell whose job is still in the queue, since its driver was killed, is not submitted again: the new driver
  waits for that job.
* Where Slurm keeps no accounts, jobs are asked for by `squeue`. Snakemake's own executor takes `sacct` where
  that command exists, and waits for ever for its answer.

Snakemake finds this package by its name, as the folder that it is in is on the Python path of the driver.
"""

import re
import subprocess
import threading
from pathlib import Path

import snakemake_executor_plugin_slurm as slurm
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

ExecutorSettings = slurm.ExecutorSettings
common_settings = slurm.common_settings


class Executor(slurm.Executor):
    """Submits each cell under its own name, unless it is in the queue already."""

    def __post_init__(self):
        """Asks Slurm once whether it keeps accounts."""
        self._names = []  # of all jobs of this run
        self._submitting = threading.local()  # two threads submit
        config = subprocess.run(['scontrol', 'show', 'config'], capture_output=True, text=True).stdout
        self._keeps_accounts = bool(re.search(r'^AccountingStorageType\s*=\s*\S*slurmdbd', config, re.M))
        super().__post_init__()

    def get_status_command(self):
        """Overrides the choice by which command exists."""
        return super().get_status_command() if self._keeps_accounts else 'squeue'

    @property
    def run_uuid(self):
        """The name of the job that this thread submits; elsewhere those of all jobs, to ask Slurm for."""
        return getattr(self._submitting, 'name', None) or ','.join(self._names) or 'none'

    @run_uuid.setter
    def run_uuid(self, value):
        """What the base class would name all jobs."""

    def run_job(self, job):
        """Submits a cell, or takes up its job that is in the queue."""
        folder = Path(self.workflow.workdir_init)
        cell = job.params.name
        name = cell if cell.startswith(f'{folder.name}/') else f'{folder.name}/{cell}'
        name = re.sub(r'[^A-Za-z0-9_.+/-]', '_', name)
        if name not in self._names:
            self._names.append(name)
        try:
            queued = _queued(name, folder)
        except (OSError, subprocess.SubprocessError) as error:
            message = f'cannot tell whether {name} is in the queue already: {error}'
            self._report_job_error_threadsafe(SubmittedJobInfo(job), message)
            return
        if queued is not None:
            self.logger.info(f'{name} is in the queue already, as job {queued}: waiting for it.')
            log = self.slurm_logdir / f'rule_{job.name}' / f'{queued}.log'
            found = SubmittedJobInfo(job, external_jobid=queued, aux={'slurm_logfile': log})
            self._report_job_submission_threadsafe(found)
            return
        self._submitting.name = name
        try:
            super().run_job(job)
        finally:
            self._submitting.name = None


def _queued(name, folder):
    """The id of the user's job of this name and folder that waits or runs, or None."""
    command = ['squeue', '--me', '--noheader', f'--name={name}', '--format=%i|%Z']
    jobs = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    return next(
        (job for job, _, place in (line.partition('|') for line in jobs) if place == str(folder)), None
    )
