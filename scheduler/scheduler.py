"""Scheduler: a synchronous state machine that says who goes where. It does nothing itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from operator import itemgetter
from typing import Literal

from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import Policy
from scheduler.queue import WaitingQueue
from scheduler.worker import Worker

Reason = Literal["queue_full", "deadline", "no_worker"]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Send this job to that worker. ``key`` orders it inside the engine too."""

    job: Job
    worker_id: str
    key: float


@dataclass(frozen=True, slots=True)
class Reject:
    """Answer this job with an error; the scheduler has forgotten it."""

    job: Job
    reason: Reason


Action = Dispatch | Reject


class Scheduler:
    """Holds what waits and what runs; every method returns what the driver has to do.

    One writer. Time enters only through ``Job.arrival``, ``Job.deadline`` and ``expire(now)``, so
    the gateway (real time) and the simulator (virtual time) drive the same object.

    Args:
        policy: key of a job, smallest first.
        max_waiting: jobs that may wait; one more is rejected with ``queue_full``.
        no_worker_grace: seconds a model may be without a healthy worker before its waiting jobs
            are rejected with ``no_worker``.
    """

    def __init__(
        self, policy: Policy, *, max_waiting: int = 10_000, no_worker_grace: float = 10.0
    ) -> None:
        self._policy = policy
        self._max_waiting = max_waiting
        self._grace = no_worker_grace
        self._workers: dict[str, Worker] = {}
        self._queues: dict[str, WaitingQueue] = {}
        self._running: dict[str, tuple[Worker, float]] = {}
        self._deadlines: list[tuple[float, str, str]] = []
        self._stranded_since: dict[str, float] = {}
        self._abandoned: set[str] = set()

    @property
    def workers(self) -> Mapping[str, Worker]:
        """The workers by id."""
        return self._workers

    @property
    def waiting(self) -> int:
        """Jobs that wait, over all models."""
        return sum(map(len, self._queues.values()))

    @property
    def running(self) -> int:
        """Jobs sent to a worker and not yet released."""
        return len(self._running)

    def waiting_by_model(self) -> dict[str, int]:
        """Jobs that wait, by model; a model nobody waits for is absent."""
        return {model: len(queue) for model, queue in self._queues.items() if queue}

    def oldest_arrivals(self) -> dict[str, float]:
        """The arrival of the job that waits longest, by model; linear in what waits."""
        return {
            model: min(job.arrival for job in queue)
            for model, queue in self._queues.items()
            if queue
        }

    def is_waiting(self, job_id: str) -> bool:
        """Whether the job is in the queue."""
        return any(job_id in queue for queue in self._queues.values())

    # Workers

    def set_worker(self, worker: Worker) -> list[Action]:
        """Add a worker, or change one's models, capacity and health; its jobs stay its own."""
        known = self._workers.setdefault(worker.id, worker)
        known.models, known.slots = worker.models, worker.slots
        known.kv_tokens, known.engine_queue = worker.kv_tokens, worker.engine_queue
        return self.set_health(worker.id, worker.healthy)

    def set_slots(self, worker_id: str, slots: int) -> list[Action]:
        """Change how many sequences a worker runs at once."""
        self._workers[worker_id].slots = slots
        return self._fill()

    def set_health(self, worker_id: str, healthy: bool) -> list[Action]:
        """Stop or resume sending to a worker. Its running jobs are the driver's to end."""
        self._workers[worker_id].healthy = healthy
        self._stranded_since = {
            model: since
            for model, since in self._stranded_since.items()
            if not self._has_worker(model)
        }
        self._abandoned &= self._stranded_since.keys()
        return self._fill()

    # Jobs

    def submit(self, job: Job) -> list[Action]:
        """Take a new job: it is dispatched at once, waits, or is rejected.

        Raises:
            ValueError: a job of that id is here already.
        """
        if job.id in self._running or self.is_waiting(job.id):
            raise ValueError(f"job {job.id!r} is already here")
        if job.model in self._abandoned:
            return [Reject(job, "no_worker")]
        self._enqueue(job, self._policy(job))
        actions = self._fill()
        if self.waiting > self._max_waiting and self.is_waiting(job.id):
            self._queues[job.model].remove(job.id)
            actions.append(Reject(job, "queue_full"))
        return actions

    def reprice(self, job_id: str, length: LengthDistribution) -> list[Action]:
        """Give a waiting job a better forecast; one that runs or is gone is left as it is."""
        for queue in self._queues.values():
            if job_id in queue:
                job = queue.remove(job_id)
                job.length = length
                queue.push(job, self._policy(job))
                return self._fill()
        return []

    def progress(self, job_id: str, attained: int) -> list[Action]:
        """A running job's longest sequence has ``attained`` tokens now."""
        worker, _ = self._running[job_id]
        worker.progress(job_id, attained)
        return self._fill()

    def release(self, job_id: str) -> list[Action]:
        """The one exit: forget a job, waiting or running, however it ended.

        A job that is here no more (it was rejected) is no error.
        """
        if job_id in self._running:
            worker, _ = self._running.pop(job_id)
            worker.remove(job_id)
            return self._fill()
        for queue in self._queues.values():
            if job_id in queue:
                queue.remove(job_id)
                return self._fill()  # it may have stood before one that fits
        return []

    def requeue(self, job_id: str) -> list[Action]:
        """A running job's worker failed it before the first byte: it waits again, in its place.

        It keeps its key, and the bound on the queue does not apply: it was accepted before.
        """
        worker, key = self._running.pop(job_id)
        job = worker.remove(job_id)
        job.attained = 0
        self._enqueue(job, key)
        return self._fill()

    def expire(self, now: float) -> list[Action]:
        """Reject what has waited past its deadline, or past the grace without a worker."""
        actions: list[Action] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, model, job_id = heappop(self._deadlines)
            if job_id in self._queues[model]:
                actions.append(Reject(self._queues[model].remove(job_id), "deadline"))
        for model, queue in self._queues.items():
            if queue and not self._has_worker(model):
                since = self._stranded_since.setdefault(model, now)
                if now - since >= self._grace:
                    self._abandoned.add(model)
                    actions += [Reject(queue.remove(job.id), "no_worker") for job in list(queue)]
        return actions + self._fill()

    # Decisions

    def _enqueue(self, job: Job, key: float) -> None:
        self._queues.setdefault(job.model, WaitingQueue()).push(job, key)
        if job.deadline < math.inf:
            heappush(self._deadlines, (job.deadline, job.model, job.id))
            if len(self._deadlines) > 2 * self.waiting + 1024:
                self._forget_deadlines()

    def _forget_deadlines(self) -> None:
        # Of jobs that wait no more: they must not hold memory until the time comes.
        live = [entry for entry in self._deadlines if entry[2] in self._queues[entry[1]]]
        heapify(live)
        self._deadlines = live

    def _fill(self) -> list[Action]:
        """Dispatch as long as the first job of some model fits a worker."""
        actions: list[Action] = []
        while (choice := self._next()) is not None:
            key, job, worker = choice
            self._queues[job.model].remove(job.id)
            self._running[job.id] = (worker, key)
            worker.add(job)
            actions.append(Dispatch(job, worker.id, key))
        return actions

    def _next(self) -> tuple[float, Job, Worker] | None:
        """The smallest key among the models' first jobs that fit, and the least loaded worker.

        A worker that one model's first job waits for takes no larger key of another model: a job
        that needs much room would otherwise starve beside a stream of small ones.
        """
        heads = [head for queue in self._queues.values() if (head := queue.peek()) is not None]
        held: set[str] = set()
        for key, job in sorted(heads, key=itemgetter(0)):
            able = [w for w in self._serving(job.model) if w.id not in held]
            fitting = [worker for worker in able if worker.fits(job)]
            if fitting:
                return key, job, min(fitting, key=lambda worker: worker.load)
            held.update(worker.id for worker in able)
        return None

    def _serving(self, model: str) -> list[Worker]:
        return [w for w in self._workers.values() if w.healthy and model in w.models]

    def _has_worker(self, model: str) -> bool:
        return bool(self._serving(model))

    def check(self) -> None:
        """Assert the invariants: for tests, and for the curious at 3 a.m."""
        waiting = [job.id for queue in self._queues.values() for job in queue]
        running = [job.id for worker in self._workers.values() for job in worker]
        assert len(set(waiting + running)) == len(waiting + running), "a job is in two places"
        assert set(running) == set(self._running), "the running jobs and the workers' differ"
        for worker in self._workers.values():
            worker.check()
        assert self._next() is None, "a job waits although a worker has room for it"
