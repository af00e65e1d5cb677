"""Scheduler: a synchronous state machine that says who goes where. It does nothing itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter

from scheduler.actions import Action, Dispatch, Reason, Reject
from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.keyed_heap import KeyedHeap
from scheduler.length import LengthDistribution
from scheduler.model_queue import ModelQueue
from scheduler.outages import Outages
from scheduler.placement import Placement
from scheduler.policy import Policy
from scheduler.traffic import CROWDED, Crowding, Pace, UsualTokens
from scheduler.worker import Worker
from scheduler.worker_spec import WorkerSpec


@dataclass(frozen=True, slots=True)
class _Sent:
    worker: Worker
    key: float
    charged: float


class Scheduler:
    """Holds what waits and what runs; every method returns what the driver has to do.

    One writer. Time enters only through ``Job.arrival``, ``Job.deadline`` and ``expire(now)``, so
    the gateway (real time) and the simulator (virtual time) drive the same object.

    Args:
        policy: key of a job, smallest first.
        placement: which worker with room gets a job.
        max_waiting: jobs that may wait; one more is rejected with ``queue_full``.
        max_waiting_per_tenant: the same for one tenant's jobs, ``tenant_queue_full``.
        no_worker_grace: seconds a model may be without a healthy worker before its waiting jobs
            are rejected with ``no_healthy_worker``.
        crowded: share of arrivals that meet a queue, from which on workers are filled with all
            caution as to KV memory; with fewer more boldly, with 0 never.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        placement: Placement | None = None,
        max_waiting: int = 10_000,
        max_waiting_per_tenant: int | None = None,
        no_worker_grace: float = 10.0,
        crowded: float = CROWDED,
    ) -> None:
        self._policy = policy
        self._placement = placement or Placement()
        self._max_waiting = max_waiting
        self._max_of_tenant = max_waiting_per_tenant
        self._outages = Outages(no_worker_grace)
        self._workers: dict[str, Worker] = {}
        self._counters = TokenCounters()
        self._usual = UsualTokens()
        self._pace = Pace()
        self._crowding = Crowding(crowded)
        self._lines: dict[str, ModelQueue] = {}
        self._waiting: dict[str, tuple[Job, float]] = {}
        self._running: dict[str, _Sent] = {}
        self._deadlines: KeyedHeap[float, Job] = KeyedHeap()
        self._removed: set[str] = set()

    @property
    def workers(self) -> Mapping[str, Worker]:
        """The workers by id."""
        return self._workers

    @property
    def waiting(self) -> int:
        """Jobs that wait, over all models."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs sent to a worker and not yet released."""
        return len(self._running)

    @property
    def turn_seconds(self) -> float:
        """The time for which a typical request is served: what waiting is counted in."""
        return self._pace.mean_seconds

    def waiting_by_model(self) -> dict[str, int]:
        """Jobs that wait, by model; a model nobody waits for is absent."""
        return {model: len(line) for model, line in self._lines.items() if line}

    def waiting_by_tenant(self) -> dict[str, int]:
        """Jobs that wait, by tenant; linear in what waits."""
        counts: dict[str, int] = {}
        for job, _ in self._waiting.values():
            counts[job.tenant] = counts.get(job.tenant, 0) + 1
        return counts

    def oldest_arrivals(self) -> dict[str, float]:
        """The arrival of the job that waits longest, by model; linear in what waits."""
        return {
            model: min(job.arrival for job in line) for model, line in self._lines.items() if line
        }

    def is_waiting(self, job_id: str) -> bool:
        """Whether the job is in the queue."""
        return job_id in self._waiting

    # Workers

    def set_worker(self, spec: WorkerSpec, *, healthy: bool = True) -> list[Action]:
        """Add a worker, or replace one's spec; the jobs that run there stay."""
        self._removed.discard(spec.id)
        if spec.id in self._workers:
            self._workers[spec.id].replace_spec(spec)
        else:
            self._workers[spec.id] = Worker(spec)
        return self.set_health(spec.id, healthy)

    def remove_worker(self, worker_id: str) -> list[Action]:
        """Send nothing more to a worker and forget it once what runs there has ended."""
        worker = self._workers[worker_id]
        worker.replace_spec(replace(worker.spec, draining=True))
        self._removed.add(worker_id)
        self._forget_if_idle(worker)
        return self._fill()

    def observe_kv(self, worker_id: str, held: float, prefix_hits: float) -> list[Action]:
        """Take a worker's word on its KV use: see ``Worker.observe_kv``."""
        changed = self._workers[worker_id].observe_kv(held, prefix_hits)
        return self._fill() if changed else []

    def set_health(self, worker_id: str, healthy: bool) -> list[Action]:
        """Stop or resume sending to a worker. Its running jobs are the driver's to end."""
        self._workers[worker_id].healthy = healthy
        self._outages.end(self._has_worker)
        return self._fill()

    # Jobs

    def submit(self, job: Job) -> list[Action]:
        """Take a new job: it is dispatched at once, waits, or is rejected.

        Raises:
            ValueError: a job of that id is here already.
        """
        if job.id in self._running or job.id in self._waiting:
            raise ValueError(f"job {job.id!r} is already here")
        if self._outages.rejects(job.model):
            return [Reject(job, "no_healthy_worker")]
        job.usual_tokens = self._usual.next(job.model, job.expected_tokens)
        job.turn = self._pace.turn(job.arrival)
        self._enqueue(job, self._policy(job))
        actions = self._fill()
        self._crowding.arrived(job.model, queued=bool(self._lines[job.model]))
        if job.id in self._waiting and (reason := self._too_many(job)) is not None:
            self._withdraw(job.id)
            actions.append(Reject(job, reason))
        return actions

    def reprice(self, job_id: str, length: LengthDistribution) -> list[Action]:
        """Give a waiting job a better forecast; one that runs or is gone is left as it is."""
        if job_id not in self._waiting:
            return []
        job, _ = self._waiting[job_id]
        job.length = length
        key = self._policy(job)
        self._waiting[job_id] = job, key
        self._lines[job.model].rekey(job, key)
        return self._fill()

    def progress(self, job_id: str, attained: int) -> list[Action]:
        """A running job's longest sequence has ``attained`` tokens now."""
        changed = self._running[job_id].worker.progress(job_id, attained)
        return self._fill() if changed else []

    def release(
        self, job_id: str, attained: int | None = None, *, service_s: float | None = None
    ) -> list[Action]:
        """The one exit: forget a job, waiting or running, however it ended.

        ``attained`` are the tokens of its longest sequence, where the driver knows better than by
        ``progress``; ``service_s`` the seconds from its dispatch to its end, if it was answered. A
        job that is here no more (it was rejected) is no error.
        """
        if job_id in self._running:
            sent = self._running.pop(job_id)
            job = sent.worker.remove(job_id)
            job.attained = job.attained if attained is None else attained
            self._counters.settle(job, sent.charged)
            if service_s is not None:
                self._pace.observe(service_s)
            self._tell_lines(job.tenant)
            self._forget_if_idle(sent.worker)
        elif job_id in self._waiting:
            self._withdraw(job_id)
        else:
            return []
        return self._fill()  # it may have stood before one that fits

    def requeue(self, job_id: str) -> list[Action]:
        """A running job's worker failed it before the first byte: it waits again, in its place.

        It keeps its key, and the bound on the queue does not apply: it was accepted before.
        """
        sent = self._running.pop(job_id)
        job = sent.worker.remove(job_id)
        job.attained = 0
        self._counters.refund(job, sent.charged)
        self._enqueue(job, sent.key)
        self._tell_lines(job.tenant)
        self._forget_if_idle(sent.worker)
        return self._fill()

    def expire(self, now: float) -> list[Action]:
        """Reject what has waited past its deadline, or past the grace without a worker."""
        actions: list[Action] = []
        while (first := self._deadlines.peek()) is not None and first[0] <= now:
            actions.append(Reject(self._withdraw(first[1].id), "queue_timeout"))
        for model, line in self._lines.items():
            if line and not self._has_worker(model) and self._outages.note(model, now):
                ids = [job.id for job in line]
                actions += [Reject(self._withdraw(job_id), "no_healthy_worker") for job_id in ids]
        return actions + self._fill()

    # Decisions

    def _enqueue(self, job: Job, key: float) -> None:
        if job.model not in self._lines:
            self._lines[job.model] = ModelQueue(self._counters)
        self._lines[job.model].push(job, key)
        self._waiting[job.id] = job, key
        if job.deadline < math.inf:
            self._deadlines.push(job.id, job, job.deadline)

    def _withdraw(self, job_id: str) -> Job:
        job, _ = self._waiting.pop(job_id)
        if job_id in self._deadlines:
            self._deadlines.remove(job_id)
        return self._lines[job.model].remove(job_id)

    def _too_many(self, job: Job) -> Reason | None:
        if self.waiting > self._max_waiting:
            return "queue_full"
        of_tenant = self._counters.waiting(job.tenant)
        if self._max_of_tenant is not None and of_tenant > self._max_of_tenant:
            return "tenant_queue_full"
        return None

    def _forget_if_idle(self, worker: Worker) -> None:
        if worker.id in self._removed and not len(worker):
            self._removed.discard(worker.id)
            del self._workers[worker.id]

    def _tell_lines(self, tenant: str) -> None:
        for line in self._lines.values():
            line.counter_fell(tenant)

    def _fill(self) -> list[Action]:
        """Dispatch as long as the first job of some model fits a worker."""
        actions: list[Action] = []
        while self._waiting and (choice := self._next()) is not None:
            job, worker = choice
            _, key = self._waiting[job.id]
            self._running[job.id] = _Sent(worker, key, self._counters.charge(job))
            self._withdraw(job.id)
            worker.add(job)
            actions.append(Dispatch(job, worker.id, key))
        return actions

    def _next(self) -> tuple[Job, Worker] | None:
        """The smallest rank among the models' first jobs that fit, and the worker for it.

        A worker that one model's first job waits for takes no larger rank of another model: a job
        that needs much room would otherwise starve beside a stream of small ones.
        """
        heads = [head for line in self._lines.values() if (head := line.peek()) is not None]
        held: set[str] = set()
        for _, job in sorted(heads, key=itemgetter(0)):
            able = [w for w in self._serving(job.model) if w.id not in held]
            caution = self._crowding.caution(job.model)
            fitting = [worker for worker in able if worker.fits(job, caution)]
            if fitting:
                return job, self._placement.choose(job, fitting)
            held.update(worker.id for worker in able)
        return None

    def _serving(self, model: str) -> list[Worker]:
        return [w for w in self._workers.values() if w.takes_jobs and model in w.spec.models]

    def _has_worker(self, model: str) -> bool:
        return bool(self._serving(model))

    def check(self) -> None:
        """Assert the invariants: for tests, and for the curious at 3 a.m."""
        waiting = [job.id for line in self._lines.values() for job in line]
        running = [job.id for worker in self._workers.values() for job in worker]
        assert len(set(waiting + running)) == len(waiting + running), "a job is in two places"
        assert set(waiting) == set(self._waiting), "the waiting jobs and the lines' differ"
        assert set(running) == set(self._running), "the running jobs and the workers' differ"
        for worker in self._workers.values():
            worker.check()
        assert self._next() is None, "a job waits although a worker has room for it"
