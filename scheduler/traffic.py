"""Statistics of recent traffic: usual lengths, queueing share, service time.

Policies use them instead of engine-specific constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeVar

from scheduler.job import Job
from scheduler.worker import Worker

Value = TypeVar("Value")

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

MOST_NAMES = 1000
"""Names of models or workers that statistics are kept of. Those heard of longest ago are forgotten:
while no worker has named its models, clients may ask for any."""

_WINDOW_ARRIVALS = 100
"""Arrivals over which the queueing share is taken, approximately."""


def _keep(values: dict[str, Value], name: str, value: Value) -> None:
    """Set the value of a name, as the last of at most ``MOST_NAMES``."""
    values.pop(name, None)
    values[name] = value
    if len(values) > MOST_NAMES:
        del values[next(iter(values))]


@dataclass(slots=True)
class RecentMeans:
    """The mean of a quantity over recent requests, by name."""

    _means: dict[str, tuple[float, int]] = field(default_factory=dict)

    def observe(self, name: str, value: float) -> float:
        """Add a request; returns the mean of its name, this request included."""
        mean, count = self._means.get(name, (0.0, 0))
        count = min(count + 1, WINDOW_REQUESTS)
        mean += (value - mean) / count
        _keep(self._means, name, (mean, count))
        return mean

    def get(self, name: str, default: float) -> float:
        """The mean of a name, ``default`` before its first request."""
        return self._means.get(name, (default, 0))[0]

    def forget(self, name: str) -> None:
        """Forget a name."""
        self._means.pop(name, None)


@dataclass(slots=True)
class UsualLengths:
    """The length, in tokens, from which on a request is long beside those that it competes with.

    A slot is the same for whoever holds it; memory is not: what a long job holds grows with its
    length. Where slots are scarcer than memory, a request is therefore measured by the mean of all
    requests at its workers, of whichever model. Where memory is scarcer, it is measured by the mean
    of its own model, so that a model of long answers yields to one of short answers.

    Which of the two is scarcer is noted at each arrival and taken over many: the usual length moves
    from one mean to the other by the share of these arrivals, without a jump.
    """

    _of_models: RecentMeans = field(default_factory=RecentMeans)
    _of_workers: RecentMeans = field(default_factory=RecentMeans)
    _memory_scarcer: RecentMeans = field(default_factory=RecentMeans)

    def observe(self, job: Job, workers: Sequence[Worker]) -> float:
        """Add an arriving job that these workers may take; returns its usual length."""
        tokens = job.expected_tokens
        of_model = self._of_models.observe(job.model, tokens)
        logs = [self._log(of_model, self._of_workers.observe(w.id, tokens), w) for w in workers]
        return math.exp(fmean(logs)) if logs else of_model

    def forget(self, worker_id: str) -> None:
        """Forget a worker that is gone."""
        self._of_workers.forget(worker_id)
        self._memory_scarcer.forget(worker_id)

    def _log(self, of_model: float, of_worker: float, worker: Worker) -> float:
        if len(worker):  # an idle worker is short of neither
            share = self._memory_scarcer.observe(worker.id, worker.memory_is_scarcer)
        else:
            share = self._memory_scarcer.get(worker.id, 1.0)
        return share * math.log(of_model) + (1.0 - share) * math.log(of_worker)


@dataclass(slots=True)
class QueueingShare:
    """The share of recent arrivals that met a queue, by model, and the caution that follows.

    Caution rises with the share, up to the trust in the forecasts at the share ``full_caution``.
    With ``full_caution`` 0, caution is always 1.

    With a short queue an overflow of a KV cache ends soon, and waiting for free memory costs more
    than an occasional preemption. With a lasting queue each overflow causes the next overflow.
    """

    full_caution: float = FULL_CAUTION_SHARE
    observed: int = 0
    """Arrivals so far: what is not followed by one has the caution of before, but for its trust."""
    _shares: dict[str, float] = field(default_factory=dict)

    def observe(self, model: str, *, queued: bool) -> None:
        """Add an arrival; ``queued``: whether jobs of the model wait just after the arrival.

        Jobs may wait here, or in engines that hold more than their KV caches.
        """
        self.observed += 1
        share = self._shares.get(model, 0.0)
        _keep(self._shares, model, share + (queued - share) / _WINDOW_ARRIVALS)

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

    Waiting counts in turns, so that one ageing rate suits fast and slow engines. All models share
    one clock: the keys of all jobs that a worker may take are compared, also in the worker's own
    queue, and by a clock that runs faster every later job of its model would rank behind.
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
        self.usual_lengths = UsualLengths()
        self.turn_clock = TurnClock()
        self.queueing_share = QueueingShare(full_caution)

    def describe(self, job: Job, workers: Sequence[Worker]) -> None:
        """Give an arriving job, which these workers may take, the statistics that policies use."""
        job.usual_tokens = self.usual_lengths.observe(job, workers)
        job.arrival_turns = self.turn_clock.turns(job.arrival)
