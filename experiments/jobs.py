"""Many runs that depend on one another, worked through by any number of drivers at once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmdet_multimix.utils.locks import locked

from .progress import Progress
from .run import RunFailedError

_POLL = 1.0  # seconds between two looks at what other drivers have finished


@dataclass(frozen=True)
class Job:
    """A piece of work with a folder of its own and a result that is kept.

    Attributes:
        name: Its folder below the experiment's, such as `seed0/pretrain_ce`.
        title: For the progress display.
        work: Does it, or the rest of it after an interruption, and returns its result, which JSON can hold.
            A RunFailedError fails the job and nothing else.
        key: What the result depends on, as JSON can hold it. A job whose key, or that of a job it needs, has
            changed is done again.
        needs: Names of the jobs that come before it.
        summary: The line that is shown of a result.
    """

    name: str
    title: str
    work: Callable[[Progress], dict[str, Any]]
    key: Any = None
    needs: tuple[str, ...] = ()
    summary: Callable[[dict[str, Any]], str] = lambda result: 'done'


@dataclass
class Outcome:
    """What came out of :meth:`Jobs.run`, by the names of jobs.

    Attributes:
        results: Of the jobs that are done.
        failures: Messages of those that failed, or that need one that did.
    """

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Jobs:
    """Jobs of one experiment, in one folder.

    Done jobs are skipped, one that was killed goes on where it was, one that failed does not stop the others.
    Several drivers may work on the same folder at once, each job is run by one of them.

    Args:
        jobs: In the order in which they are tried.
        root: The folder of the experiment.

    Raises:
        ValueError: Two jobs of one name, or a job that needs one that does not come before it.
    """

    def __init__(self, jobs: Iterable[Job], root: str | Path) -> None:
        self.root = Path(root)
        self._jobs: dict[str, Job] = {}
        self._fingerprints: dict[str, str] = {}
        for job in jobs:
            if job.name in self._jobs:
                raise ValueError(f'two jobs are named {job.name!r}')
            unknown = [name for name in job.needs if name not in self._jobs]
            if unknown:
                raise ValueError(f'{job.name!r} needs {unknown[0]!r}, which does not come before it')
            self._jobs[job.name] = job
            parts = [job.key, [self._fingerprints[name] for name in job.needs]]
            text = json.dumps(parts, sort_keys=True, default=str)
            self._fingerprints[job.name] = hashlib.sha256(text.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._jobs)

    def result(self, name: str) -> dict[str, Any] | None:
        """The result of a job, None if it is not done."""
        state = self._read(name)
        return state.get('result') if state.get('fingerprint') == self._fingerprints[name] else None

    def results(self) -> dict[str, dict[str, Any]]:
        """The results of all jobs that are done."""
        found = {name: self.result(name) for name in self._jobs}
        return {name: result for name, result in found.items() if result is not None}

    def failures(self) -> dict[str, str]:
        """Messages of the jobs that failed when they were last tried, by this driver or another."""
        states = {name: self._read(name) for name in self._jobs}
        return {
            name: state['message']
            for name, state in states.items()
            if 'message' in state and state.get('fingerprint') == self._fingerprints[name]
        }

    def run(self, progress: Progress, on_result: Callable[[], None] = lambda: None) -> Outcome:
        """Works until every job is done, by this driver or another, or has failed.

        Args:
            progress: Where it is shown.
            on_result: Called after every job that this driver did, also one that failed.
        """
        started = time.time()
        outcome = Outcome(results=self.results())
        progress.skip(len(outcome.results))
        waiting = [name for name in self._jobs if name not in outcome.results]
        while waiting:
            # From the start each time: what another driver has just finished may let an earlier one begin.
            settled = next(
                (name for name in waiting if self._settle(name, progress, outcome, started, on_result)), None
            )
            if settled is None:
                progress.wait(f'{self._jobs[waiting[0]].title} is run by another process')
                time.sleep(_POLL)
            else:
                waiting.remove(settled)
        return outcome

    def _settle(self, name, progress, outcome, started, on_result) -> bool:
        """Bring a job to an end if that can be done now; return whether it has one."""
        job = self._jobs[name]
        failed = [need for need in job.needs if need in outcome.failures]
        if failed:
            outcome.failures[name] = f'needs {failed[0]}, which failed'
            progress.skip(1)
            return True
        if any(need not in outcome.results for need in job.needs):
            return False
        # Not the folder itself: the work in it has a lock of its own, which a killed driver's training keeps.
        with locked(self._path(name), wait=False) as held:
            if held is None:
                return False
            result = self.result(name)
            if result is None:
                state = self._read(name)
                if state.get('fingerprint') == self._fingerprints[name] and state.get('failed', 0) > started:
                    outcome.failures[name] = state['message']  # another driver has just tried
                    progress.skip(1)
                    return True
                try:
                    result = job.work(progress)
                except RunFailedError as error:
                    outcome.failures[name] = str(error)
                    self._write(name, failed=time.time(), message=str(error))
                    progress.finish('FAILED', job.title)
                    on_result()
                    return True
                self._write(name, result=result)
                progress.finish(job.summary(result), job.title)
                outcome.results[name] = result
                on_result()
            else:
                progress.skip(1)  # another driver has done it
            outcome.results[name] = result
            return True

    def _path(self, name: str) -> Path:
        return (self.root / name).with_name(Path(name).name + '.json')

    def _read(self, name: str) -> dict[str, Any]:
        path = self._path(name)
        return json.loads(path.read_text()) if path.exists() else {}

    def _write(self, name: str, **state: Any) -> None:
        path = self._path(name)
        partial = path.with_name(path.name + '.part')
        partial.write_text(json.dumps({'fingerprint': self._fingerprints[name], **state}, indent=1))
        partial.replace(path)
