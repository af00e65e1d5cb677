"""WaitingJobs: the waiting jobs of all models, by rank and by deadline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from scheduler.fairness import TokenCounters
from scheduler.job import Job, QueueName
from scheduler.keyed_queue import KeyedQueue
from scheduler.model_queue import ModelQueue, Place, Rank
from scheduler.policy import Policy
from scheduler.waiting_counts import WaitingCounts


class WaitingJobs:
    """A queue for each model, one for what workers jobs insist on, one of all deadlines."""

    def __init__(self, counters: TokenCounters) -> None:
        self._counters = counters
        self._queues: dict[QueueName, ModelQueue] = {}
        self._jobs: dict[str, tuple[Job, float]] = {}  # job id -> job, key
        self._deadlines: KeyedQueue[float, Job] = KeyedQueue()
        self.counts = WaitingCounts()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def __getitem__(self, job_id: str) -> tuple[Job, float]:
        """A job and its key."""
        return self._jobs[job_id]

    def queue(self, name: QueueName) -> ModelQueue:
        """The queue of this name, to be read."""
        return self._queues.get(name) or ModelQueue(self._counters)

    def queues(self) -> list[QueueName]:
        """The names of the queues in which jobs wait."""
        return [name for name, queue in self._queues.items() if queue]

    def push(self, job: Job, key: float) -> None:
        """Add a job."""
        if job.queue not in self._queues:
            self._queues[job.queue] = ModelQueue(self._counters)
        self._queues[job.queue].push(job, key)
        self._jobs[job.id] = job, key
        self.counts.add(job)
        if job.deadline < math.inf:
            self._deadlines.push(job.id, job, job.deadline)

    def rekey(self, job: Job, key: float) -> None:
        """Give a waiting job a new key."""
        self._jobs[job.id] = job, key
        self.counts.add(job)
        self._queues[job.queue].rekey(job, key)

    def rekey_all(self, policy: Policy) -> None:
        """Give every job its key by a policy, in time linear in the jobs but for a logarithm."""
        for job, _ in list(self._jobs.values()):
            self.rekey(job, policy(job))

    def remove(self, job_id: str) -> Job:
        """Take a job out, from any place in the order.

        Raises:
            KeyError: no such job waits.
        """
        job, _ = self._jobs.pop(job_id)
        self.counts.remove(job_id)
        if job_id in self._deadlines:
            self._deadlines.remove(job_id)
        self._queues[job.queue].remove(job_id)
        if not job.queue.lasting and not self._queues[job.queue]:
            del self._queues[job.queue]  # workers come and go
        return job

    def overdue(self, now: float) -> Job | None:
        """The job of the earliest deadline, None if the deadline is after ``now`` (seconds)."""
        first = self._deadlines.peek()
        return first[1] if first is not None and first[0] <= now else None

    def by_rank(self, further: Callable[[Job], bool]) -> Iterator[Job]:
        """The jobs, smallest rank first: each queue's first job, and its others while wanted.

        Valid until a job comes or goes. ``further`` tells of each job that has been taken whether
        the next one of its queue is wanted.
        """
        orders = [queue.in_order() for queue in self._queues.values()]
        firsts: list[tuple[Rank, int, Job]] = []

        def take(number: int) -> None:
            if (following := next(orders[number], None)) is not None:
                heappush(firsts, (following[0], number, following[1]))

        for number in range(len(orders)):
            take(number)
        while firsts:
            _, number, job = heappop(firsts)
            yield job
            if further(job):
                take(number)

    def place(self, job: Job) -> Place:
        """The place of a waiting job in the order of its queue."""
        return job.urgency, self._counters[job.tenant], job.tenant, self._jobs[job.id][1]

    def counter_fell(self, tenant: str) -> None:
        """Move a tenant forward after its counter has fallen."""
        for queue in self._queues.values():
            queue.counter_fell(tenant)

    def by_model(self) -> dict[str, int]:
        """The number of waiting jobs by model; a model without waiting jobs is absent."""
        waiting: Counter[str] = Counter()
        for name in self.queues():
            waiting[name.model] += len(self._queues[name])
        return dict(waiting)

    def snapshot(self) -> tuple[list[tuple[Job, float]], dict[str, float]]:
        """The jobs with their keys, and the counters of their tenants, for ``start_order``."""
        counters = {tenant: self._counters[tenant] for tenant in self.counts.by_tenant}
        return list(self._jobs.values()), counters

    def oldest_arrivals(self) -> dict[str, float]:
        """The earliest arrival (seconds) by model, in time linear in the waiting jobs."""
        oldest: dict[str, float] = {}
        for name in self.queues():
            arrival = min(job.arrival for job in self._queues[name])
            oldest[name.model] = min(arrival, oldest.get(name.model, math.inf))
        return oldest

    def check(self) -> None:
        """Assert that each job is in one queue, and each job with a deadline in the deadlines."""
        queued = [job.id for queue in self._queues.values() for job in queue]
        assert len(set(queued)) == len(queued), "a job is in two queues"
        assert set(queued) == set(self._jobs), "the jobs and the queues' jobs differ"
        self.counts.check([job for job, _ in self._jobs.values()])
        timed = {job.id for job in self._deadlines}
        assert timed == {id for id, (job, _) in self._jobs.items() if job.deadline < math.inf}
