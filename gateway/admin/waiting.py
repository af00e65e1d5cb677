"""WaitingOrder: where each waiting request stands, and when it is expected to start."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from gateway.admin.parts import Parts
from gateway.scheduling.start_rates import work
from scheduler.job import Job
from scheduler.waiting_order import start_order

FRESH_S = 0.5
"""Seconds for which an order is used again: thousands may ask for their places at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A waiting job's place."""

    job: Job
    position: int
    """1 for the next one, among the jobs of all models."""
    ahead: float
    """Work of the jobs of its model that start earlier, in weighted tokens."""


@dataclass(slots=True)
class WaitingOrder:
    """Takes the order of the queue on a thread, so that no request waits for it."""

    parts: Parts
    _places: Mapping[str, Place] = field(default_factory=dict)
    _taken: float = float("-inf")
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def places(self) -> Mapping[str, Place]:
        """The places by the jobs' ids, first come first; up to ``FRESH_S`` old."""
        async with self._taking:
            if monotonic() - self._taken >= FRESH_S:
                jobs, counters = self.parts.scheduler.waiting_jobs.snapshot()
                self._places = await asyncio.to_thread(_places, jobs, counters)
                self._taken = monotonic()
        return self._places

    def starts_in_s(self, place: Place) -> float | None:
        """Seconds until a job starts, by the rate at which its model's queue has moved.

        None while nothing starts, or too little has started to tell.
        """
        if self.parts.scheduler.paused:
            return None
        rate = self.parts.dispatcher.rates.per_s(place.job.model)
        return place.ahead / rate if rate else None


def _places(jobs: Iterable[tuple[Job, float]], counters: Mapping[str, float]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    ahead: defaultdict[str, float] = defaultdict(float)
    for position, job in enumerate(start_order(jobs, counters), 1):
        places[job.id] = Place(job, position, ahead[job.model])
        ahead[job.model] += work(job)
    return places
