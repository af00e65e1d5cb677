"""RebuiltScheduler: a scheduler that takes over the jobs of one that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from scheduler.actions import Action
from scheduler.job import Job
from scheduler.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class Memory:
    """What a scheduler has learned of all traffic, and what no job carries.

    What it has learned of one engine (pace, KV forecasts, shared prefixes) is learned again there.
    """

    turn_seconds: float
    turn_count: int
    turns: float
    latest: float
    """Time of the reading ``turns``, in seconds on the driver's clock."""
    of_models: dict[str, tuple[float, int]] = field(default_factory=dict)
    of_workers: dict[str, tuple[float, int]] = field(default_factory=dict)
    memory_scarcer: dict[str, tuple[float, int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    counted: float = 0.0


class RebuiltScheduler(Scheduler):
    """A scheduler to which its driver may give running jobs, and waiting ones with their keys.

    The driver may make several changes ``together``: then one decision follows all of them, but for
    new jobs, of which each is decided on at once, so that the bounds count those that really wait.
    """

    _together = False
    _undecided = False

    def submit(self, job: Job) -> list[Action]:
        """Take a new job, as ``Scheduler.submit``; what was changed before it is decided first."""
        together, self._together = self._together, False
        try:
            actions = self._fill() if self._undecided else []
            return actions + super().submit(job)
        finally:
            self._together = together

    @contextmanager
    def together(self) -> Iterator[None]:
        """Decide nothing in the block; ``decide`` is to follow."""
        self._together = True
        try:
            yield
        finally:
            self._together = False

    def decide(self) -> list[Action]:
        """Dispatch what the changes made ``together`` let go."""
        return self._fill() if self._undecided else []

    def _fill(self) -> list[Action]:
        self._undecided = self._together
        return [] if self._together else super()._fill()

    def adopt(self, job: Job, worker_id: str, engine_key: float) -> None:
        """Take a job that runs at a worker already.

        Raises:
            ValueError: the job is here, or the worker is not.
        """
        if job.id in self._running or job.id in self._waiting:
            raise ValueError(f"job {job.id!r} is already here")
        worker = self._workers.by_id.get(worker_id)
        if worker is None:
            raise ValueError(f"job {job.id!r} runs at the unknown worker {worker_id!r}")
        self._running[job.id] = worker, self._counters.charge(job)
        worker.add(job, engine_key)
        self._next.forget()
        self._silent.begin(job, worker.pace)
        if job.attained:
            self._silent.report(job.id, job.attained)

    def resubmit(self, job: Job) -> list[Action]:
        """Take a job that waited, with ``usual_tokens`` and ``arrival_turns`` as they were.

        The bounds on waiting jobs do not apply: the job has been accepted.

        Raises:
            ValueError: the scheduler holds a job of this id already.
        """
        if job.id in self._running or job.id in self._waiting:
            raise ValueError(f"job {job.id!r} is already here")
        self._waiting.push(job, self.policy(job))
        return self._fill()

    def memory(self) -> Memory:
        """What a successor should know."""
        clock, usual = self._traffic.turn_clock, self._traffic.usual_lengths
        return Memory(
            *(clock.turn_seconds, clock._count, clock._turns, clock._latest or 0.0),
            of_models=dict(usual._of_models._means),
            of_workers=dict(usual._of_workers._means),
            memory_scarcer=dict(usual._memory_scarcer._means),
            shares=dict(self._traffic.queueing_share._shares),
            counters=dict(self._counters._counters),
            counted=self._counters._latest,
        )

    def remember(self, memory: Memory) -> list[Action]:
        """Go on from what a predecessor has learned; jobs that it held may be here already."""
        clock, usual = self._traffic.turn_clock, self._traffic.usual_lengths
        clock.turn_seconds, clock._count = memory.turn_seconds, memory.turn_count
        clock._turns, clock._latest = memory.turns, memory.latest
        usual._of_models._means.update(memory.of_models)
        usual._of_workers._means.update(memory.of_workers)
        usual._memory_scarcer._means.update(memory.memory_scarcer)
        self._traffic.queueing_share._shares.update(memory.shares)
        self._counters.recall(memory.counters, memory.counted)
        for tenant in self._waiting.counts.by_tenant:
            self._waiting.counter_fell(tenant)
        return self._fill()
