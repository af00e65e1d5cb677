"""Statistics of recent traffic: mean length by model, queueing share, service time.

Policies use them instead of engine-specific constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scheduler.job import Job

WINDOW_REQUESTS = 500
"""Requests over which means are taken, approximately: recent requests count more."""

INITIAL_TURN_SECONDS = 10.0
"""The length of a turn before the first request ends: about the service time of an answer of an
8B model on a busy A100."""

_INITIAL_REQUESTS = 20
"""Weight of the initial turn, as a number of measured requests. The first requests to end are the
shortest ones, so the first measurements are too short."""

FULL_CAUTION_SHARE = 0.05
"""Default queueing share from which on KV admission is fully cautious. Measured: see
"What each part is worth" in scheduler/RESULTS.md."""

_WINDOW_ARRIVALS = 100
"""Arrivals over which the queueing share is taken, approximately."""


@dataclass(slots=True)
class MeanLengths:
    """The mean expected length of recent requests, in tokens, by model."""

    _means: dict[str, tuple[float, int]] = field(default_factory=dict)

    def observe(self, model: str, expected_tokens: float) -> float:
        """Add a request of a model; returns the model's mean, this request included."""
        mean, count = self._means.get(model, (0.0, 0))
        count = min(count + 1, WINDOW_REQUESTS)
        mean += (expected_tokens - mean) / count
        self._means[model] = mean, count
        return mean


@dataclass(slots=True)
class QueueingShare:
    """The share of recent arrivals that met a queue, by model, and the caution that follows.

    Caution rises with the share, up to the trust in the forecasts at the share ``full_caution``.
    With ``full_caution`` 0, caution is always 1.

    With a short queue an overflow of a KV cache ends soon, and waiting for free memory costs more
    than an occasional preemption. With a lasting queue each overflow causes the next overflow.
    """

    full_caution: float = FULL_CAUTION_SHARE
    _shares: dict[str, float] = field(default_factory=dict)

    def observe(self, model: str, *, queued: bool) -> None:
        """Add an arrival; ``queued``: whether jobs of the model wait just after the arrival.

        Jobs may wait here, or in engines that hold more than their KV caches.
        """
        share = self._shares.get(model, 0.0)
        self._shares[model] = share + (queued - share) / _WINDOW_ARRIVALS

    def caution(self, model: str, trust: float = 1.0) -> float:
        """The caution (0 to 1) of KV admission at a worker; see ``Worker.fits``.

        ``trust`` (0 to 1) of the worker's KV forecasts.
        """
        if not self.full_caution:
            return 1.0
        return trust * min(1.0, self._shares.get(model, 0.0) / self.full_caution)


@dataclass(slots=True)
class TurnClock:
    """A clock that counts in turns: the typical service time of recent requests.

    Typical is the geometric mean: where a few answers are very long, the mean would be theirs, and
    waiting would hardly count for all others.

    Waiting counts in turns, so that one ageing rate suits fast and slow engines.
    """

    turn_seconds: float = INITIAL_TURN_SECONDS
    _count: int = _INITIAL_REQUESTS
    _turns: float = 0.0
    _latest: float | None = None

    def turns(self, arrival: float) -> float:
        """The clock's reading at ``arrival`` (seconds), never less than an earlier reading."""
        if self._latest is not None and arrival > self._latest:
            self._turns += (arrival - self._latest) / self.turn_seconds
        self._latest = arrival if self._latest is None else max(arrival, self._latest)
        return self._turns

    def observe(self, service_s: float) -> None:
        """Add the service time of a request: seconds from its dispatch to its end."""
        self._count = min(self._count + 1, WINDOW_REQUESTS)
        typical = math.log(self.turn_seconds)
        typical += (math.log(max(service_s, 1e-3)) - typical) / self._count
        self.turn_seconds = math.exp(typical)


class Traffic:
    """The statistics of a scheduler's recent traffic; ``full_caution`` as in ``QueueingShare``."""

    def __init__(self, full_caution: float) -> None:
        self.mean_lengths = MeanLengths()
        self.turn_clock = TurnClock()
        self.queueing_share = QueueingShare(full_caution)

    def describe(self, job: Job) -> None:
        """Give an arriving job the statistics that policies use."""
        job.model_mean_tokens = self.mean_lengths.observe(job.model, job.expected_tokens)
        job.arrival_turns = self.turn_clock.turns(job.arrival)
