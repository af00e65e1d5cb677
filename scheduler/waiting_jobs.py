"""WaitingJobs: the waiting jobs of all models, by rank and by deadline."""

from __future__ import annotations

import math
from collections import Counter
from operator import itemgetter

from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.keyed_heap import KeyedHeap
from scheduler.model_queue import ModelQueue, Rank


class WaitingJobs:
    """One queue for each model, and a heap of the deadlines over all models."""

    def __init__(self, counters: TokenCounters) -> None:
        self._counters = counters
        self._queues: dict[str, ModelQueue] = {}
        self._jobs: dict[str, tuple[Job, float]] = {}  # job id -> job, key
        self._deadlines: KeyedHeap[float, Job] = KeyedHeap()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def __getitem__(self, job_id: str) -> tuple[Job, float]:
        """A job and its key."""
        return self._jobs[job_id]

    def queue(self, model: str) -> ModelQueue:
        """The queue of a model."""
        queue = self._queues.get(model)
        if queue is None:
            queue = self._queues[model] = ModelQueue(self._counters)
        return queue

    def push(self, job: Job, key: float) -> None:
        """Add a job."""
        self.queue(job.model).push(job, key)
        self._jobs[job.id] = job, key
        if job.deadline < math.inf:
            self._deadlines.push(job.id, job, job.deadline)

    def rekey(self, job: Job, key: float) -> None:
        """Give a waiting job a new key."""
        self._jobs[job.id] = job, key
        self._queues[job.model].rekey(job, key)

    def remove(self, job_id: str) -> Job:
        """Take a job out, from any place in the order.

        Raises:
            KeyError: no such job waits.
        """
        job, _ = self._jobs.pop(job_id)
        if job_id in self._deadlines:
            self._deadlines.remove(job_id)
        return self._queues[job.model].remove(job_id)

    def overdue(self, now: float) -> Job | None:
        """The job of the earliest deadline, None if the deadline is after ``now`` (seconds)."""
        first = self._deadlines.peek()
        return first[1] if first is not None and first[0] <= now else None

    def heads(self) -> list[Job]:
        """The first job of each model, smallest rank first."""
        heads: list[tuple[Rank, Job]] = []
        for queue in self._queues.values():
            if (head := queue.peek()) is not None:
                heads.append(head)
        return [job for _, job in sorted(heads, key=itemgetter(0))]

    def counter_fell(self, tenant: str) -> None:
        """Move a tenant forward after its counter has fallen."""
        for queue in self._queues.values():
            queue.counter_fell(tenant)

    def by_model(self) -> dict[str, int]:
        """The number of waiting jobs by model; a model without waiting jobs is absent."""
        return {model: len(queue) for model, queue in self._queues.items() if queue}

    def by_tenant(self) -> Counter[str]:
        """The number of waiting jobs by tenant, in time linear in the waiting jobs."""
        return Counter(job.tenant for job, _ in self._jobs.values())

    def oldest_arrivals(self) -> dict[str, float]:
        """The earliest arrival (seconds) by model, in time linear in the waiting jobs."""
        return {
            model: min(job.arrival for job in queue)
            for model, queue in self._queues.items()
            if queue
        }

    def check(self) -> None:
        """Assert that each job is in one queue, and each job with a deadline in the deadlines."""
        queued = [job.id for queue in self._queues.values() for job in queue]
        assert len(set(queued)) == len(queued), "a job is in two queues"
        assert set(queued) == set(self._jobs), "the jobs and the queues' jobs differ"
        timed = {job.id for job in self._deadlines}
        assert timed == {id for id, (job, _) in self._jobs.items() if job.deadline < math.inf}
