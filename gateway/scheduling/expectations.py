"""Expectations: how fast waiting jobs start, and when one of them will, wherever that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.scheduling.expected_starts import ExpectedStarts
from gateway.scheduling.start_rates import StartRates
from scheduler.job import Job
from scheduler.scheduler import Scheduler


class Rates(Protocol):
    """How fast waiting jobs start, as ``StartRates`` measures it."""

    def started(self, job: Job, waiting: int) -> None:
        """Count a job that has gone to a worker, while so many wait."""
        ...

    def left(self, job: Job, waiting: int) -> None:
        """Count a job that has left its worker, while so many wait."""
        ...

    def ended(self, job: Job, tokens: int | None) -> None:
        """Count a job that has left its worker; ``tokens``: None without a complete answer."""
        ...

    def per_s(self, model: str) -> float | None:
        """Work of a model that starts in a second; None before it is known."""
        ...


class Starts(Protocol):
    """When jobs start."""

    def seconds(self, job: Job) -> float | None:
        """Seconds until a job starts that waits, or would if it were taken; None: unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Expectations:
    """What is expected of the queue."""

    rates: Rates
    starts: Starts

    @classmethod
    def measured_here(cls, scheduler: Scheduler) -> Expectations:
        """What this process measures of a scheduler that runs in it."""
        rates = StartRates()
        return cls(rates, ExpectedStarts(scheduler, rates))
