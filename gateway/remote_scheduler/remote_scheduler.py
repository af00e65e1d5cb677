"""RemoteScheduler: what a front has in the place of a scheduler in its own process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.remote_scheduler.front_messages import (
    Ask,
    ObserveKv,
    Pause,
    Progress,
    Release,
    RemoveWorker,
    Reprice,
    Requeue,
    Settings,
    Submit,
)
from gateway.remote_scheduler.front_state import FrontState, Held
from gateway.remote_scheduler.mirror import MirroredQueue, MirroredWorker
from gateway.remote_scheduler.policies import policy_state
from gateway.remote_scheduler.wire import job_state, worker_state
from scheduler.actions import Action, Reject
from scheduler.job import Job
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.policy import Policy
from scheduler.queue_bounds import QueueBounds
from scheduler.worker_spec import WorkerSpec

LATE_S = 1.0
"""Seconds after a deadline after which a front rejects the job itself, should the scheduler not."""


class RemoteScheduler(FrontState):
    """The calls of the gateway's dispatcher, and what the gateway reads.

    The changes return nothing. ``deliver`` gets the scheduler's actions when they come.
    """

    # What is read

    @property
    def workers(self) -> Mapping[str, MirroredWorker]:
        """The workers of this front by id."""
        return self._workers

    @property
    def waiting_jobs(self) -> MirroredQueue:
        """The waiting jobs."""
        return self._queue

    @property
    def waiting(self) -> int:
        """The number of waiting jobs, of all fronts."""
        return len(self._queue)

    @property
    def turn_seconds(self) -> float:
        """The typical service time of recent requests, in seconds."""
        return self._queue.picture.turn_seconds

    @property
    def paused(self) -> bool:
        """Whether no job is dispatched, by an operator's will."""
        return self._paused

    @property
    def own_waiting(self) -> Iterator[Job]:
        """The waiting jobs of this front."""
        return (held.job for held in self._held.values() if not held.worker)

    def waiting_job(self, job_id: str) -> Job | None:
        """A waiting job of this front."""
        held = self._held.get(job_id)
        return held.job if held is not None and not held.worker else None

    def ask(self) -> None:
        """Let the next pictures tell when jobs start: somebody wants to know."""
        now = time.monotonic()
        if now >= self._asked + 1.0:
            self._asked = now
            self.outbox.add(Ask())

    # What is told

    def pause(self, paused: bool = True) -> list[Action]:
        """Dispatch nothing, of any front, or go on."""
        self._paused = paused
        self.outbox.add(Pause(paused))
        return []

    def configure(
        self, policy: Policy, bounds: QueueBounds, *, slack: float, no_worker_grace: float
    ) -> list[Action]:
        """Take new settings. Of several fronts the last one's hold."""
        self.policy = policy
        self._settings = Settings(
            time.time(),
            policy_state(policy),
            bounds.max_waiting,
            bounds.max_waiting_per_tenant,
            bounds.max_waiting_tokens,
            *(slack, no_worker_grace),
        )
        self.outbox.add(self._settings)
        return []

    def set_worker(self, spec: WorkerSpec, *, healthy: bool = True) -> list[Action]:
        """Add a worker, or replace a worker's spec."""
        known = self._workers.get(spec.id)
        if known is None:
            self._workers[spec.id] = MirroredWorker(spec, healthy)
        elif (known.spec, known.healthy, known.removed) == (spec, healthy, False):
            return []
        else:
            known.spec, known.healthy, known.removed = spec, healthy, False
        self.outbox.add(worker_state(spec, healthy=healthy))
        return []

    def remove_worker(self, worker_id: str) -> list[Action]:
        """Send a worker no more jobs, and forget it once this front's jobs there have ended."""
        worker = self._workers[worker_id]
        worker.removed, worker.spec = True, replace(worker.spec, draining=True)
        self.outbox.add(RemoveWorker(worker_id))
        self._forget_if_idle(worker)
        return []

    def set_health(self, worker_id: str, healthy: bool) -> list[Action]:
        """Stop or resume sending jobs to a worker."""
        worker = self._workers[worker_id]
        if worker.removed:
            return []
        return self.set_worker(worker.spec, healthy=healthy)

    def observe_kv(self, worker_id: str, report: KvReport) -> list[Action]:
        """Take a worker's report of its KV use; the scheduler takes the leading front's."""
        entry = ObserveKv(worker_id, report.used_tokens, report.prefix_hits, report.settled)
        self.outbox.add_latest(entry)
        return []

    def submit(self, job: Job) -> list[Action]:
        """Take a new job.

        Raises:
            ValueError: a job of this id is here already.
        """
        if job.id in self._held:
            raise ValueError(f"job {job.id!r} is already here")
        self._numbers += 1
        held = self._held[job.id] = self._by_number[self._numbers] = Held(self._numbers, job)
        self._waiting += 1
        self.outbox.add(Submit(held.number, job_state(job)))
        return []

    def reprice(self, job_id: str, length: LengthDistribution) -> list[Action]:
        """Give a waiting job a better forecast."""
        held = self._held.get(job_id)
        if held is not None and not held.worker:
            held.job.length = length
            self.outbox.add(Reprice(held.number, list(length.tokens), list(length.mass)))
        return []

    def progress(self, job_id: str, attained: int, running: int | None = None) -> list[Action]:
        """Note the tokens of a running job's longest sequence, and how many run."""
        held = self._held[job_id]
        held.job.attained, held.job.running = min(attained, held.job.most_tokens), running
        self.outbox.add_latest(Progress(held.number, attained, running))
        return []

    def release(
        self, job_id: str, attained: int | None = None, *, service_s: float | None = None
    ) -> list[Action]:
        """Forget a job after any end. An unknown job is no error."""
        held = self._held.get(job_id)
        if held is None:
            return []
        if attained is not None:
            held.job.attained = min(attained, held.job.most_tokens)
        self._drop(held)
        self.outbox.add(Release(held.number, attained, service_s))
        return []

    def requeue(self, job_id: str) -> list[Action]:
        """Queue a running job again after its worker failed."""
        held = self._held[job_id]
        self._leave_worker(held)
        self._waiting += 1
        held.job.attained, held.job.running = 0, None
        self.outbox.settle(held.number)
        self.outbox.add(Requeue(held.number, list(held.job.shuns)))
        return []

    def tick(self, now: float) -> list[Action]:
        """Nothing: the scheduler has a clock of its own."""
        return []

    def expire(self, now: float) -> list[Action]:
        """Reject overdue jobs while the scheduler is away, or where it does not."""
        limit = now if self.away else now - LATE_S
        late = [h for h in self._held.values() if not h.worker and h.job.deadline <= limit]
        for held in late:
            self._drop(held)
            self.outbox.add(Release(held.number, None, None))
        return [Reject(held.job, "queue_timeout") for held in late]
