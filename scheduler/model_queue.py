"""ModelQueue: the waiting jobs of one model, ordered by class, then tenant, then key."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.keyed_queue import KeyedQueue

Rank = tuple[int, float, float]
"""Class, counter of the tenant, key. The job of the smallest rank is next, also across queues."""

Place = tuple[int, float, str, float]
"""Class, counter of the tenant, tenant, key: the order within a queue, where counters may tie."""

JobQueue = KeyedQueue[float, Job]
"""Jobs of one tenant and class, by the policy's key."""

TenantQueue = KeyedQueue[tuple[float, str], JobQueue]
"""Tenants of one class, by the tenant's counter; equal counters by name."""


class ModelQueue:
    """The waiting jobs of one model: tenants in order for each class, jobs in order for each.

    Within a class, the tenant with the smallest counter is next. Within a tenant, the job with the
    smallest key is next. With one tenant and one class the order is the order of the keys.
    """

    def __init__(self, counters: TokenCounters) -> None:
        self._counters = counters
        self._classes: dict[int, TenantQueue] = {}
        self._queues: dict[str, JobQueue] = {}  # by job id

    def __len__(self) -> int:
        return len(self._queues)

    def __iter__(self) -> Iterator[Job]:
        """The waiting jobs, in no particular order."""
        return (job for tenants in self._classes.values() for jobs in tenants for job in jobs)

    def push(self, job: Job, key: float) -> None:
        """Add a job."""
        tenants = self._classes.setdefault(job.urgency, KeyedQueue())
        jobs = tenants.get(job.tenant)
        self._counters.begin_waiting(job.tenant)
        if jobs is None:
            jobs = KeyedQueue()
            self._place(tenants, job.tenant, jobs)
        jobs.push(job.id, job, key)
        self._queues[job.id] = jobs

    def rekey(self, job: Job, key: float) -> None:
        """Give a waiting job a new key."""
        self._queues[job.id].push(job.id, job, key)

    def remove(self, job_id: str) -> Job:
        """Take a job out, from any place in the order.

        Raises:
            KeyError: no such job waits.
        """
        jobs = self._queues.pop(job_id)
        job = jobs.remove(job_id)
        if not jobs:
            self._classes[job.urgency].remove(job.tenant)
            if not self._classes[job.urgency]:
                del self._classes[job.urgency]
        self._counters.end_waiting(job.tenant)
        return job

    def counter_fell(self, tenant: str) -> None:
        """Move a tenant forward after its counter has fallen."""
        for tenants in self._classes.values():
            jobs = tenants.get(tenant)
            if jobs is not None:
                self._place(tenants, tenant, jobs)

    def in_order(self) -> Iterator[tuple[Rank, Job]]:
        """The jobs and their ranks, smallest rank first. Valid until the queue changes."""
        for urgency in sorted(self._classes):
            self._settle_first(self._classes[urgency])
            for counter, jobs in self._tenants_in_order(self._classes[urgency]):
                for key, job in jobs.in_order():
                    yield (urgency, counter, key), job

    def _tenants_in_order(self, tenants: TenantQueue) -> Iterator[tuple[float, JobQueue]]:
        """The tenants' counters and jobs, by counter. Counters in that order may be too low."""
        known: list[tuple[float, str, JobQueue]] = []
        for (outdated, tenant), jobs in tenants.in_order():
            while known and known[0][:2] < (outdated, tenant):
                yield known[0][0], heappop(known)[2]
            heappush(known, (self._counters[tenant], tenant, jobs))
        while known:
            yield known[0][0], heappop(known)[2]

    def _settle_first(self, tenants: TenantQueue) -> None:
        """Move tenants that are first by an outdated counter to the place of their present one.

        A charge raises a counter and does not update the order.
        """
        while (head := tenants.peek()) is not None:
            (counter, tenant), jobs = head
            if counter >= self._counters[tenant]:
                return
            self._place(tenants, tenant, jobs)

    def _place(self, tenants: TenantQueue, tenant: str, jobs: JobQueue) -> None:
        tenants.push(tenant, jobs, (self._counters[tenant], tenant))
