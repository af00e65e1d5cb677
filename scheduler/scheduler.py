"""Scheduler: a synchronous state machine that decides which job goes to which worker, and when.

The scheduler does no I/O: the methods return actions, and the scheduler's driver carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.actions import Action, Dispatch, Reject
from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.next_job import NextJob
from scheduler.outages import Outages
from scheduler.placement import Placement
from scheduler.policy import Policy
from scheduler.queue_bounds import QueueBounds
from scheduler.silent_jobs import SilentJobs
from scheduler.traffic import FULL_CAUTION_SHARE, Traffic
from scheduler.waiting_jobs import WaitingJobs
from scheduler.worker import Worker
from scheduler.worker_pool import WorkerPool
from scheduler.worker_spec import WorkerSpec


class Scheduler:
    """Holds the waiting and the running jobs; each change returns the actions to carry out.

    For one caller. Time enters only through ``Job.arrival``, ``Job.deadline``, ``tick`` and
    ``expire``, so the gateway (real time) and the simulator (virtual time) drive the same class.

    Args:
        policy: gives each job a key; the job of the smallest key goes first.
        placement: chooses among the workers with room for a job.
        max_waiting, max_waiting_per_tenant, max_waiting_tokens: see ``QueueBounds``.
        no_worker_grace: seconds without a healthy worker until jobs get ``no_healthy_worker``.
        full_caution: as in ``QueueingShare``.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        placement: Placement | None = None,
        max_waiting: int = 10_000,
        max_waiting_per_tenant: int | None = None,
        max_waiting_tokens: float = float("inf"),
        no_worker_grace: float = 10.0,
        full_caution: float = FULL_CAUTION_SHARE,
    ) -> None:
        self.policy = policy
        self._bounds = QueueBounds(max_waiting, max_waiting_per_tenant, max_waiting_tokens)
        self._outages = Outages(no_worker_grace)
        self._counters = TokenCounters()
        self._traffic = Traffic(full_caution)
        self._waiting = WaitingJobs(self._counters)
        self._running: dict[str, tuple[Worker, float]] = {}  # by job id; the float: what is charged
        self._workers = WorkerPool()
        self._placement, share = placement or Placement(), self._traffic.queueing_share
        self._next = NextJob(self._waiting, self._workers, self._placement, share)
        self._silent = SilentJobs()

    @property
    def workers(self) -> Mapping[str, Worker]:
        """The workers by id."""
        return self._workers.by_id

    @property
    def waiting(self) -> int:
        """The number of waiting jobs, over all models."""
        return len(self._waiting)

    @property
    def turn_seconds(self) -> float:
        """The typical service time of recent requests, in seconds."""
        return self._traffic.turn_clock.turn_seconds

    @property
    def waiting_jobs(self) -> WaitingJobs:
        """The waiting jobs, to be read."""
        return self._waiting

    @property
    def paused(self) -> bool:
        """Whether no job is dispatched, see ``pause``."""
        return self._next.paused

    def pause(self, paused: bool = True) -> list[Action]:
        """Dispatch nothing, or go on. Jobs are taken, wait, expire and end meanwhile."""
        self._next.paused = paused
        return self._fill()

    def configure(
        self, policy: Policy, bounds: QueueBounds, *, slack: float, no_worker_grace: float
    ) -> list[Action]:
        """Take new settings. Waiting jobs get keys by a new policy; those that run stay.

        In an engine the order follows once it has been idle: keys rise there (``rising_key``).
        """
        self._bounds, self._outages.grace = bounds, no_worker_grace
        self._placement.slack = slack
        if policy != self.policy:
            self.policy = policy
            self._waiting.rekey_all(policy)
        return self._fill()

    # Workers

    def set_worker(self, spec: WorkerSpec, *, healthy: bool = True) -> list[Action]:
        """Add a worker, or replace a worker's spec; the jobs that run there stay."""
        self._workers.set(spec)
        return self.set_health(spec.id, healthy)

    def remove_worker(self, worker_id: str) -> list[Action]:
        """Send a worker no more jobs and forget the worker once its jobs have ended."""
        self._workers.remove(worker_id)
        self._traffic.usual_lengths.forget(worker_id)
        return self._fill()

    def observe_kv(self, worker_id: str, report: KvReport) -> list[Action]:
        """Take a worker's report of its KV use."""
        return self._fill() if self._workers.by_id[worker_id].observe_kv(report) else []

    def set_health(self, worker_id: str, healthy: bool) -> list[Action]:
        """Stop or resume sending jobs to a worker. The driver ends the jobs that run there."""
        self._workers.set_health(worker_id, healthy)
        self._outages.end(self._workers.serves)
        return self._fill()

    # Jobs

    def submit(self, job: Job) -> list[Action]:
        """Take a new job: the job is dispatched at once, waits, or is rejected.

        Raises:
            ValueError: the scheduler holds a job of this id already.
        """
        if job.id in self._running or job.id in self._waiting:
            raise ValueError(f"job {job.id!r} is already here")
        if self._outages.rejects(job.queue, job.arrival):
            return [Reject(job, "no_healthy_worker")]
        self._silent.now = max(self._silent.now, job.arrival)
        self._traffic.describe(job, self._workers.serving(job.queue))
        self._waiting.push(job, self.policy(job))
        actions = self._fill() if self._next.may_be(job) else []
        queued = bool(self._waiting.queue(job.queue)) or self._workers.overfull(job.queue)
        self._traffic.queueing_share.observe(job.model, queued=queued)
        counts = self._counters.waiting(job.tenant), self._waiting.counts.tokens
        broken = self._bounds.broken(len(self._waiting), *counts)
        if job.id in self._waiting and broken is not None:
            actions += [Reject(self._waiting.remove(job.id), broken), *self._fill()]  # as it left
        return actions

    def reprice(self, job_id: str, length: LengthDistribution) -> list[Action]:
        """Give a waiting job a better forecast; a job that runs or has left stays as it is."""
        if job_id not in self._waiting:
            return []
        job, _ = self._waiting[job_id]
        job.length = length
        self._waiting.rekey(job, self.policy(job))
        return self._fill()

    def progress(self, job_id: str, attained: int, running: int | None = None) -> list[Action]:
        """Note the tokens of a job's longest sequence, and how many run (None: unknown)."""
        self._silent.report(job_id, attained)
        worker = self._running[job_id][0]
        changed = worker.progress(job_id, attained, running)
        return self._fill() if changed and self._next.may_fit(worker) else []

    def tick(self, now: float) -> list[Action]:
        """Take the time (seconds), before other news: answers grow that report no progress."""
        grew = [self._running[id][0].progress(id, n) for id, n in self._silent.grown(now)]
        return self._fill() if any(grew) else []

    def release(
        self, job_id: str, attained: int | None = None, *, service_s: float | None = None
    ) -> list[Action]:
        """Forget a job, waiting or running, after any end. An unknown job is no error.

        Args:
            job_id: an accepted job; each one leaves here, except by a ``Reject``.
            attained: tokens of the job's longest sequence, None for the last ``progress``.
            service_s: seconds from dispatch to end, None if the job was not answered.
        """
        if job_id in self._waiting:
            self._waiting.remove(job_id)
        elif job_id in self._running:
            worker, charged = self._running.pop(job_id)
            job = self._workers.take_off(job_id, worker, attained)
            self._silent.end(job_id, None if attained is None else job.attained)
            self._counters.settle(job, charged)
            self._waiting.counter_fell(job.tenant)
            if service_s is not None:
                self._traffic.turn_clock.observe(service_s)
        else:
            return []
        return self._fill()  # the job may have waited ahead of a job that fits a worker

    def requeue(self, job_id: str) -> list[Action]:
        """Queue a running job again after its worker failed before the answer's first byte.

        The job has its key of before. The bounds on waiting jobs do not apply to an accepted job.
        """
        worker, charged = self._running.pop(job_id)
        self._silent.end(job_id)
        job = self._workers.take_off(job_id, worker)
        job.attained, job.running = 0, None
        self._counters.refund(job, charged)
        self._waiting.push(job, self.policy(job))
        self._waiting.counter_fell(job.tenant)
        return self._fill()

    def expire(self, now: float) -> list[Action]:
        """Reject jobs past their deadline or the grace without a worker, at ``now`` (seconds)."""
        actions: list[Action] = []
        while (job := self._waiting.overdue(now)) is not None:
            actions.append(Reject(self._waiting.remove(job.id), "queue_timeout"))
        for queue in self._waiting.queues():
            if not self._workers.serves(queue) and self._outages.note(queue, now):
                for job in list(self._waiting.queue(queue)):
                    actions.append(Reject(self._waiting.remove(job.id), "no_healthy_worker"))
        return actions + self._fill()

    # Decisions

    def _fill(self) -> list[Action]:
        """Dispatch jobs as long as one of the first jobs fits a worker that it may take."""
        actions: list[Action] = []
        while self._waiting and (choice := self._next()) is not None:
            job, worker = choice
            _, key = self._waiting[job.id]
            self._running[job.id] = worker, self._counters.charge(job)
            self._waiting.remove(job.id)
            actions.append(Dispatch(job, worker.id, engine_key := worker.engine_key(key)))
            worker.add(job, engine_key)
            self._silent.begin(job, worker.pace)
        return actions

    def check(self) -> None:
        """Assert the invariants. Tests call this method after every scenario."""
        self._waiting.check()
        running = [job.id for worker in self._workers for job in worker]
        assert len(set(running)) == len(running), "a job runs on two workers"
        assert set(running) == set(self._running), "the running jobs and the workers' jobs differ"
        assert not any(job_id in self._waiting for job_id in running), "a running job waits"
        for worker in self._workers:
            worker.check()
        assert self._next() is None, "a job waits although a worker has room for it"
