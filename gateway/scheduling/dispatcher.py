"""Dispatcher: carries out what the scheduler decides. Every request leaves by one exit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.scheduling.retry_after import QueueRetryAfter
from scheduler.actions import Action, Dispatch, Reject
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.scheduler import Scheduler

TICK_S = 0.1
"""How often deadlines are looked at, in seconds."""


class Rejected(Exception):
    """The scheduler will not have the job; ``reason`` says why."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason)
        self.reason = reject.reason


@dataclass(slots=True)
class Slot:
    """A job's place in the queue, then at a worker."""

    job: Job
    _dispatcher: Dispatcher
    _decided: asyncio.Future[Action]
    attained: int | None = None
    """Tokens of the job's longest sequence at its end, where they are known better than by
    ``progress``."""
    service_s: float | None = None
    """Seconds at the worker, of an answer that is there."""

    @property
    def decided(self) -> bool:
        """Whether the job has a worker, or none will have it."""
        return self._decided.done()

    async def wait(self) -> Dispatch:
        """Wait for a worker.

        Raises:
            Rejected: queue full, the tenant's part of it full, deadline passed or no worker.
        """
        action = await self._decided
        if isinstance(action, Reject):
            raise Rejected(action)
        return action

    def reprice(self, length: LengthDistribution) -> None:
        """Give the waiting job a better forecast."""
        self._dispatcher.apply(self._dispatcher.scheduler.reprice(self.job.id, length))

    def progress(self, attained: int) -> None:
        """Tell that the job's longest sequence has ``attained`` tokens."""
        self._dispatcher.apply(self._dispatcher.scheduler.progress(self.job.id, attained))

    def retry(self) -> None:
        """Its worker failed before the first byte: take the old place in the queue again."""
        self._decided = self._dispatcher.expect(self.job.id)
        self._dispatcher.apply(self._dispatcher.scheduler.requeue(self.job.id))


class Dispatcher:
    """The one writer of a ``Scheduler``, on the event loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self._futures: dict[str, asyncio.Future[Action]] = {}
        self._retry_after = QueueRetryAfter()

    @asynccontextmanager
    async def slot(self, job: Job) -> AsyncIterator[Slot]:
        """Submit a job; leaving the block by any road frees its place.

        The job is the scheduler's for the length of the block; ``Slot.wait`` says where it goes.
        """
        slot = Slot(job, self, self.expect(job.id))
        try:
            self.apply(self.scheduler.submit(job))
            yield slot
        finally:
            del self._futures[job.id]
            self._retry_after.observe_end(asyncio.get_running_loop().time())
            self.apply(self.scheduler.release(job.id, slot.attained, service_s=slot.service_s))

    def expect(self, job_id: str) -> asyncio.Future[Action]:
        """A future for the scheduler's next word on a job."""
        future: asyncio.Future[Action] = asyncio.get_running_loop().create_future()
        self._futures[job_id] = future
        return future

    def apply(self, actions: Iterable[Action]) -> None:
        """Hand each decision to the coroutine that waits for it."""
        for action in actions:
            future = self._futures[action.job.id]
            if not future.done():  # its client may just have hung up: it is on its way out
                future.set_result(action)

    def retry_after(self) -> int:
        """Seconds after which a client that found the queue full should come back."""
        return self._retry_after.seconds(asyncio.get_running_loop().time(), self.scheduler.waiting)

    async def watch_deadlines(self) -> None:
        """Expire waiting jobs, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            if self.scheduler.waiting:
                self.apply(self.scheduler.expire(loop.time()))
