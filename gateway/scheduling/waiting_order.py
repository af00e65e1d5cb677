"""WaitingOrder: where each waiting request stands, and when it is expected to start."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from threading import Lock
from time import monotonic
from typing import NamedTuple, Protocol

from gateway.scheduling.dispatcher import Dispatcher
from scheduler.job import Job
from scheduler.scheduler import Scheduler
from scheduler.waiting_jobs import WaitingJobs
from scheduler.waiting_order import start_order

FRESH_S = 0.5
"""Seconds for which an order is used again: thousands may ask for their places at once."""


class Place(NamedTuple):
    """A waiting job's place."""

    job: Job
    position: int
    """1 for the next one, among the jobs of all models."""
    ahead: float
    """Work of the jobs of its model that start earlier, in weighted tokens."""


class Order(Protocol):
    """Where the waiting requests of this process stand, among those of all."""

    async def first(self, most: int) -> list[Place]:
        """The first places."""
        ...

    def waits(self, job_id: str) -> bool:
        """Whether a job waits now."""
        ...

    async def place(self, job_id: str) -> Place | None:
        """The place of a job; None where it does not wait, or did not yet."""
        ...

    def starts_in_s(self, place: Place) -> float | None:
        """Seconds until a job starts; None while that cannot be told."""
        ...


class _Order:
    """The order of a copy of the queue, worked out as far as it has been asked for."""

    def __init__(self, queue: WaitingJobs) -> None:
        self.places: dict[str, Place] = {}
        """By the jobs' ids, first come first."""
        self._rest = start_order(*queue.snapshot(), queue.counts.expected)
        self._ahead: defaultdict[str, float] = defaultdict(float)
        self._extending = Lock()
        """Who asks and hangs up leaves its thread behind, beside which the next one begins."""

    def extend(self, most: int, job_id: str) -> None:
        """Work out the first ``most`` places, and those up to one job's, "" for none."""
        with self._extending:
            while len(self.places) < most or (job_id and job_id not in self.places):
                job, charged = next(self._rest, (None, 0.0))
                if job is None:
                    return
                self.places[job.id] = Place(job, len(self.places) + 1, self._ahead[job.model])
                self._ahead[job.model] += charged


class WaitingOrder:
    """Takes the order of the queue on a thread, so that no request waits for it.

    What it tells is up to ``FRESH_S`` old.
    """

    def __init__(self, dispatcher: Dispatcher, scheduler: Scheduler) -> None:
        self._dispatcher, self._scheduler = dispatcher, scheduler
        self._order: _Order | None = None
        self._taken = -math.inf
        self._taking = asyncio.Lock()

    async def first(self, most: int) -> list[Place]:
        """The first places."""
        return list(islice((await self._extended(most)).values(), most))

    def waits(self, job_id: str) -> bool:
        """Whether a job waits now."""
        return job_id in self._dispatcher.scheduler.waiting_jobs

    async def place(self, job_id: str) -> Place | None:
        """The place of a job; None where it does not wait, or did not yet."""
        return (await self._extended(0, job_id)).get(job_id)

    async def _extended(self, most: int, job_id: str = "") -> Mapping[str, Place]:
        async with self._taking:
            order = self._order
            if order is None or monotonic() - self._taken >= FRESH_S:
                order = self._order = _Order(self._scheduler.waiting_jobs)
                self._taken = monotonic()
            if len(order.places) < most or (job_id and job_id not in order.places):
                await asyncio.to_thread(order.extend, most, job_id)
            return order.places

    def starts_in_s(self, place: Place) -> float | None:
        """Seconds until a job starts, as a refused request like it would be told.

        None while nothing starts, or too little has started to tell.
        """
        if self._dispatcher.scheduler.paused:
            return None
        return self._dispatcher.starts.seconds(place.job)
