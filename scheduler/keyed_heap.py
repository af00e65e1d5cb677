"""WaitingQueue: jobs in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count

from scheduler.job import Job


class KeyedHeap:
    """A heap with lazy removal: push, pop and remove in logarithmic amortised time.

    Jobs of equal key leave in the order in which they were pushed.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._live: dict[str, tuple[int, Job]] = {}
        self._tickets = count()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._live

    def __iter__(self) -> Iterator[Job]:
        """The waiting jobs, in no particular order."""
        return (job for _, job in self._live.values())

    def push(self, job: Job, key: float) -> None:
        """Add a job, or give one that waits already a new key."""
        ticket = next(self._tickets)
        self._live[job.id] = (ticket, job)
        heappush(self._heap, (key, ticket, job.id))
        if len(self._heap) > 2 * len(self._live) + 16:
            self._compact()

    def remove(self, job_id: str) -> Job:
        """Take a job out, wherever it stands.

        Raises:
            KeyError: no such job waits.
        """
        _, job = self._live.pop(job_id)
        return job

    def peek(self) -> tuple[float, Job] | None:
        """The smallest key and its job, or None when nobody waits."""
        while self._heap:
            key, ticket, job_id = self._heap[0]
            live = self._live.get(job_id)
            if live is not None and live[0] == ticket:
                return key, live[1]
            heappop(self._heap)
        return None

    def _compact(self) -> None:
        # Cancelled jobs must not hold memory until they would have come to the top.
        tickets = {ticket for ticket, _ in self._live.values()}
        self._heap = [entry for entry in self._heap if entry[1] in tickets]
        heapify(self._heap)
