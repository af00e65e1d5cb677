"""SilentJobs: the progress of answers that are not streamed, estimated from their worker's pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.job import Job
from scheduler.pace import Pace

TICK_S = 0.1
"""Seconds between two estimates."""

LEAST_TOKENS = 8
"""Tokens of an answer that is not streamed from which on its time tells of the pace. That of a
shorter one is mostly the wait in the engine and the prefill."""


@dataclass(slots=True)
class _Streamed:
    """A streamed answer: the time (seconds) of its last report, and its tokens then."""

    pace: Pace
    since: float
    attained: int = 0


@dataclass(slots=True)
class _Silent:
    """An answer that is not streamed, since a time (seconds) and a reading of its worker's pace."""

    job: Job
    pace: Pace
    since: float
    begun: float | None

    def tokens(self, now: float) -> float:
        """The estimated tokens ``now`` (seconds); 0 before the worker's first observation."""
        reading = self.pace.reading(now)
        if reading is None:
            return 0.0
        if self.begun is None:
            self.begun = self.pace.reading(self.since) or 0.0
        return reading - self.begun


@dataclass(slots=True)
class SilentJobs:
    """Running jobs: streamed ones give their worker's pace, the others get estimates from it.

    ``now`` is the driver's clock in seconds, as last told.
    """

    now: float = 0.0
    _streamed: dict[str, _Streamed] = field(default_factory=dict)
    _silent: dict[str, _Silent] = field(default_factory=dict)
    _due: float = 0.0

    def begin(self, job: Job, pace: Pace) -> None:
        """Take a job that is sent now to a worker of this pace."""
        if job.streams:
            self._streamed[job.id] = _Streamed(pace, self.now)
        else:
            self._silent[job.id] = _Silent(job, pace, self.now, pace.reading(self.now))

    def report(self, job_id: str, attained: int) -> None:
        """Take the reported tokens of a streamed job. The first report starts its clock."""
        seen = self._streamed.get(job_id)
        if seen is None:
            return
        if seen.attained:
            seen.pace.observe(attained - seen.attained, self.now - seen.since, self.now)
        seen.since, seen.attained = self.now, attained

    def end(self, job_id: str, attained: int | None = None) -> None:
        """Take the end of a job, with its tokens if they are known."""
        self._streamed.pop(job_id, None)
        seen = self._silent.pop(job_id, None)
        if seen is not None and attained is not None and attained >= LEAST_TOKENS:
            seen.pace.observe(attained, self.now - seen.since, self.now)

    def grown(self, now: float) -> Iterator[tuple[str, int]]:
        """Id and estimated tokens of each silent job ``now`` (seconds), every ``TICK_S``.

        An estimate stays below the longest length that the forecast allows.
        """
        self.now = now
        if now < self._due:
            return
        self._due = now + TICK_S
        for job_id, seen in self._silent.items():
            yield job_id, int(min(seen.tokens(now), max(0.0, seen.job.length.tokens[-1] - 1)))
