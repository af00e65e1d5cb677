"""Line: what waits for one model. Classes before tenants before keys."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.keyed_heap import KeyedHeap

Rank = tuple[int, float, float]
"""Class, the tenant's counter, key: the smallest is next. Ranks of several lines compare."""


class ModelQueue:
    """The waiting jobs of a model, each tenant's of each class in a queue of their own.

    Within a class the tenant of least counter is next, and of its jobs the one of least key. With a
    single tenant and class this is a plain ``KeyedHeap``.
    """

    def __init__(self, counters: TokenCounters) -> None:
        self._counters = counters
        self._queues: dict[int, dict[str, KeyedHeap]] = {}
        self._tenants: dict[int, list[tuple[float, str]]] = {}
        self._where: dict[str, KeyedHeap] = {}

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._where

    def __iter__(self) -> Iterator[Job]:
        """The waiting jobs, in no particular order."""
        return (job for of in self._queues.values() for queue in of.values() for job in queue)

    def push(self, job: Job, key: float) -> None:
        """Add a job."""
        of = self._queues.setdefault(job.urgency, {})
        queue = of.get(job.tenant)
        if queue is None:
            queue = of[job.tenant] = KeyedHeap()
        self._counters.begin_waiting(job.tenant)
        queue.push(job, key)
        self._where[job.id] = queue
        if len(queue) == 1:
            self._announce(job.urgency, job.tenant)

    def rekey(self, job: Job, key: float) -> None:
        """Give a job that waits a new key."""
        self._where[job.id].push(job, key)

    def remove(self, job_id: str) -> Job:
        """Take a job out, wherever it stands.

        Raises:
            KeyError: no such job waits.
        """
        queue = self._where.pop(job_id)
        job = queue.remove(job_id)
        if not queue:
            del self._queues[job.urgency][job.tenant]
            if not self._queues[job.urgency]:
                del self._queues[job.urgency], self._tenants[job.urgency]
        self._counters.end_waiting(job.tenant)
        return job

    def counter_fell(self, tenant: str) -> None:
        """The tenant's counter is less than it was: it may be next."""
        for urgency, of in self._queues.items():
            if tenant in of:
                self._announce(urgency, tenant)

    def peek(self) -> tuple[Rank, Job] | None:
        """The next job and its rank, or None when nobody waits."""
        if not self._queues:
            return None
        urgency = min(self._queues)
        tenant = self._first_tenant(urgency)
        head = self._queues[urgency][tenant].peek()
        assert head is not None, "a queue without jobs was kept"
        return (urgency, self._counters[tenant], head[0]), head[1]

    def _first_tenant(self, urgency: int) -> str:
        """The waiting tenant of least counter; an entry whose counter has risen goes back in."""
        of, heap = self._queues[urgency], self._tenants[urgency]
        if len(of) == 1:
            return next(iter(of))
        while True:
            counter, tenant = heap[0]
            if tenant in of and counter >= self._counters[tenant]:
                return tenant
            heappop(heap)
            if tenant in of:
                heappush(heap, (self._counters[tenant], tenant))

    def _announce(self, urgency: int, tenant: str) -> None:
        heap = self._tenants.setdefault(urgency, [])
        heappush(heap, (self._counters[tenant], tenant))
        if len(heap) > 2 * len(self._queues[urgency]) + 16:
            heap[:] = sorted((self._counters[name], name) for name in self._queues[urgency])
