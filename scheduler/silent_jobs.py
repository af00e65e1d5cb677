"""SilentJobs: the progress of answers that are not streamed, estimated from their worker's pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.job import Job

TICK_S = 0.1
"""Seconds between two estimates."""

_KEEP_TOKENS = 4096.0
"""Tokens over which a worker's pace is averaged, approximately."""


@dataclass(slots=True)
class Pace:
    """Seconds in which an answer gets one token, over a worker's recent answers."""

    _tokens: float = 0.0
    _seconds: float = 0.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Add so many tokens of one answer, and the seconds that they took."""
        if tokens <= 0 or seconds <= 0:
            return
        keep = max(0.0, 1.0 - tokens / _KEEP_TOKENS)
        self._tokens = keep * self._tokens + tokens
        self._seconds = keep * self._seconds + seconds

    def tokens_in(self, seconds: float) -> float:
        """The tokens that an answer gets in so many seconds; 0 before the first observation."""
        return seconds * self._tokens / self._seconds if self._seconds else 0.0


@dataclass(slots=True)
class _Seen:
    """A running job: its worker, and when (seconds) it had how many tokens."""

    job: Job
    worker_id: str
    since: float
    attained: int = 0


@dataclass(slots=True)
class SilentJobs:
    """Running jobs by worker and time: streamed ones give the pace, the others get estimates.

    ``now`` is the driver's clock in seconds, as last told.
    """

    now: float = 0.0
    _running: dict[str, _Seen] = field(default_factory=dict)
    _silent: dict[str, _Seen] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(default_factory=dict)
    _due: float = 0.0

    def begin(self, job: Job, worker_id: str) -> None:
        """Take a job that is sent to a worker now."""
        jobs = self._running if job.streams else self._silent
        jobs[job.id] = _Seen(job, worker_id, self.now)

    def report(self, job_id: str, attained: int) -> None:
        """Take the reported tokens of a streamed job. The first report starts its clock."""
        seen = self._running.get(job_id)
        if seen is None:
            return
        if seen.attained:
            self._pace(seen).observe(attained - seen.attained, self.now - seen.since)
        seen.since, seen.attained = self.now, attained

    def end(self, job_id: str, attained: int | None = None) -> None:
        """Take the end of a job, with its tokens if they are known."""
        self._running.pop(job_id, None)
        seen = self._silent.pop(job_id, None)
        if seen is not None and attained is not None:
            self._pace(seen).observe(attained, self.now - seen.since)

    def grown(self, now: float) -> Iterator[tuple[str, int]]:
        """Id and estimated tokens of each silent job ``now`` (seconds), every ``TICK_S``.

        An estimate stays below the longest length that the forecast allows.
        """
        self.now = now
        if now < self._due:
            return
        self._due = now + TICK_S
        for job_id, seen in self._silent.items():
            tokens = self._pace(seen).tokens_in(now - seen.since)
            yield job_id, int(min(tokens, max(0.0, seen.job.length.tokens[-1] - 1)))

    def _pace(self, seen: _Seen) -> Pace:
        return self._paces.setdefault(seen.worker_id, Pace())
