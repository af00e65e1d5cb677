"""Placement: which of the workers with room gets a job."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.job import Job
from scheduler.worker import Worker

MAX_AFFINITIES = 100_000
"""Affinities whose last worker is remembered; the least recently used is forgotten first."""


def least_work(worker: Worker) -> tuple[float, float, int]:
    """Order of workers: expected remaining tokens per slot and speed, then load, then rank."""
    spec = worker.spec
    return worker.work / (spec.slots * spec.speed), worker.load, spec.rank


@dataclass(slots=True)
class Placement:
    """Chooses the worker of least work, or the worker that has the job's prefix cached.

    A job follows the last job of its ``affinity`` while that worker's load exceeds the load of the
    least busy worker by at most ``slack`` (1 is a full worker). 0 turns affinity off.
    """

    slack: float = 0.0
    _last: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def choose(self, job: Job, fitting: Sequence[Worker]) -> Worker:
        """One of the ``fitting`` workers (not empty)."""
        chosen = min(fitting, key=least_work) if len(fitting) > 1 else fitting[0]
        if not (job.affinity and self.slack):
            return chosen
        cached = self._last.get(job.affinity)
        for worker in fitting:
            if worker.id == cached and worker.load <= chosen.load + self.slack:
                chosen = worker
        self._remember(job.affinity, chosen.id)
        return chosen

    def _remember(self, affinity: str, worker_id: str) -> None:
        self._last[affinity] = worker_id
        self._last.move_to_end(affinity)
        if len(self._last) > MAX_AFFINITIES:
            self._last.popitem(last=False)
