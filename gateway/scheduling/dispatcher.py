"""Dispatcher: passes the scheduler's decisions to the requests that wait for them.

A request holds a slot. The end of the slot releases the request's job, for every kind of end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.scheduling.expectations import Expectations
from gateway.scheduling.port import SchedulerPort
from gateway.scheduling.retry_after import QueueRetryAfter, start_seconds
from scheduler.actions import Action, Dispatch, Reject
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.scheduler import Scheduler

log = logging.getLogger("lengthwise")

DEADLINE_TICK_S = 0.1
"""Seconds between two checks of the deadlines of waiting jobs."""


class Rejected(Exception):
    """The scheduler has rejected the job for ``reason``."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason)
        self.reason = reject.reason


@dataclass(slots=True)
class Slot:
    """A job's place: first in the queue, then at a worker."""

    job: Job
    _dispatcher: Dispatcher
    _decision: asyncio.Future[Action] = field(init=False)
    attained: int | None = None
    """Tokens of the job's longest sequence at its end; None: the last value of ``progress``."""
    service_s: float | None = None
    """Seconds from dispatch to the end of a complete answer; None without one."""

    async def __aenter__(self) -> Slot:
        self._decision = self._dispatcher.expect(self.job.id)
        try:
            self._dispatcher.apply(self._dispatcher.scheduler.submit(self.job))
        except BaseException:
            self._dispatcher.end(self)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._dispatcher.end(self)

    @property
    def decided(self) -> bool:
        """Whether the scheduler has dispatched or rejected the job."""
        return self._decision.done()

    @property
    def dispatched(self) -> bool:
        """Whether the job has a worker."""
        decision = self._decision
        done = decision.done() and not decision.cancelled()
        return done and isinstance(decision.result(), Dispatch)

    async def wait(self) -> Dispatch:
        """Wait for a worker.

        Raises:
            Rejected: the queue or the tenant's part of the queue is full, the deadline has passed,
                or no worker is healthy.
        """
        await self.decision
        return self.dispatch

    @property
    def decision(self) -> asyncio.Future[Action]:
        """What ``wait`` waits for: whoever awaits it needs no coroutine in between."""
        return self._decision

    @property
    def dispatch(self) -> Dispatch:
        """The job's worker, once there is a ``decision``.

        Raises:
            Rejected: as ``wait``.
        """
        action = self._decision.result()
        if isinstance(action, Reject):
            raise Rejected(action)
        return action

    def reprice(self, length: LengthDistribution) -> None:
        """Give the waiting job a better forecast."""
        self._dispatcher.apply(self._dispatcher.scheduler.reprice(self.job.id, length))

    def progress(self, attained: int, running: int | None = None) -> None:
        """Tell the scheduler the tokens of the job's longest sequence, and how many run."""
        self._dispatcher.tick()
        self._dispatcher.apply(self._dispatcher.scheduler.progress(self.job.id, attained, running))

    def retry(self) -> None:
        """Queue the job again with its old key, after its worker failed before the first byte."""
        self._decision = self._dispatcher.expect(self.job.id)
        self._dispatcher.apply(self._dispatcher.scheduler.requeue(self.job.id))


class Dispatcher:
    """The only caller of a scheduler's changing methods, on the event loop.

    A scheduler of another process comes with its ``expectations``.
    """

    def __init__(self, scheduler: SchedulerPort, expectations: Expectations | None = None) -> None:
        if expectations is None:
            assert isinstance(scheduler, Scheduler), "a remote scheduler comes with expectations"
            expectations = Expectations.measured_here(scheduler)
        self.scheduler = scheduler
        self._decisions: dict[str, asyncio.Future[Action]] = {}
        self._retry_after = QueueRetryAfter()
        self.away: Callable[[], bool] = lambda: False
        """Whether the scheduler, in a process of its own, is not there now."""
        self.rates = expectations.rates
        """How fast waiting jobs start."""
        self.starts = expectations.starts
        """When a job starts."""

    def slot(self, job: Job) -> Slot:
        """A place for a job, which is submitted at the beginning of an ``async with`` block.

        Every end of the block releases the job. ``Slot.wait`` returns the job's worker.
        """
        return Slot(job, self)

    def end(self, slot: Slot) -> None:
        """Release the job of a slot."""
        self.tick()
        del self._decisions[slot.job.id]
        self._retry_after.observe_end(asyncio.get_running_loop().time())
        self.rates.ended(slot.job, None if slot.service_s is None else slot.attained)
        if slot.dispatched and not self.scheduler.paused:
            self.rates.left(slot.job, self.scheduler.waiting)
        self.apply(self.scheduler.release(slot.job.id, slot.attained, service_s=slot.service_s))

    def expect(self, job_id: str) -> asyncio.Future[Action]:
        """A future for the scheduler's next decision on a job."""
        decision: asyncio.Future[Action] = asyncio.get_running_loop().create_future()
        self._decisions[job_id] = decision
        return decision

    def apply(self, actions: Iterable[Action]) -> None:
        """Hand each decision to the coroutine that waits for the decision."""
        for action in actions:
            if isinstance(action, Dispatch):
                self.rates.started(action.job, self.scheduler.waiting)
            decision = self._decisions[action.job.id]
            if not decision.done():  # cancelled: the client has just hung up, the slot will end
                decision.set_result(action)

    def tick(self) -> None:
        """Tell the scheduler the time."""
        self.apply(self.scheduler.tick(asyncio.get_running_loop().time()))

    def pause(self, paused: bool = True) -> None:
        """Send no worker anything from the queue, or go on."""
        if paused != self.scheduler.paused:
            log.info("an operator %s the queue", "pauses" if paused else "resumes")
        self.apply(self.scheduler.pause(paused))

    def retry_after(self, job: Job | None = None) -> int:
        """Seconds after which a rejected client should send its request again.

        With its job: when the job would have started. Without: when the queue is shorter.
        """
        seconds = None if job is None else self.starts.seconds(job)
        if seconds is not None:
            return start_seconds(seconds)
        return self._retry_after.seconds(asyncio.get_running_loop().time(), self.scheduler.waiting)

    async def watch_deadlines(self) -> None:
        """Tell the time and reject jobs whose deadline has passed, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(DEADLINE_TICK_S)
            self.tick()
            if self.scheduler.waiting:
                self.apply(self.scheduler.expire(loop.time()))
