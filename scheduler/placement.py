"""Placement: which of the workers that have room gets a job."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.job import Job
from scheduler.worker import Worker

REMEMBERED = 100_000
"""Affinities whose last worker is remembered; the least recently used go first."""


def least_work(worker: Worker) -> tuple[float, float]:
    """Expected remaining output tokens per slot and speed; among equals, the less loaded."""
    return worker.work / (worker.spec.slots * worker.spec.speed), worker.load


@dataclass(slots=True)
class Placement:
    """Least expected remaining work, or the worker that has the job's prefix cached.

    A job goes where the last of its ``affinity`` went as long as that worker's load exceeds the
    least loaded one's by at most ``slack`` (in parts of a full worker): a cached prefix is worth a
    little queueing, not an imbalance. 0 turns affinity off.
    """

    slack: float = 0.0
    _last: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def choose(self, job: Job, fitting: Sequence[Worker]) -> Worker:
        """One of ``fitting`` (not empty)."""
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
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
