"""What is typical of recent traffic, so that policies need no figures of this or that engine."""

from __future__ import annotations

from dataclasses import dataclass, field

REMEMBERED = 500
"""Requests over which means are taken, roughly: recent ones count more."""

USUAL_SECONDS = 10.0
"""How long a request is served, before any has been: an 8B model's on a busy A100."""

_BELIEVED = 20
"""Requests for which that stands. The first to end are the shortest."""

CROWDED = 0.05
"""Share of arrivals that meet a queue, from which on all caution is called for. Measured: see the
ablation in scheduler/README.md."""

_ARRIVALS = 100
"""Arrivals over which that share is taken, roughly."""


@dataclass(slots=True)
class UsualTokens:
    """How many tokens are usually expected, by model."""

    _seen: dict[str, tuple[float, int]] = field(default_factory=dict)

    def next(self, model: str, expected_tokens: float) -> float:
        """The mean of the expected tokens, this job's among them."""
        mean, count = self._seen.get(model, (0.0, 0))
        count = min(count + 1, REMEMBERED)
        mean += (expected_tokens - mean) / count
        self._seen[model] = mean, count
        return mean


@dataclass(slots=True)
class Crowding:
    """Which share of the recent arrivals met a queue, by model; and how cautious that makes.

    From the share ``crowded`` on all caution is called for; with 0, always.

    Where hardly anybody waits, what overflows a cache is soon gone, and to wait for room costs more
    than the odd preemption. In a queue that lasts, each overflow calls forth the next.
    """

    crowded: float = CROWDED
    _share: dict[str, float] = field(default_factory=dict)

    def arrived(self, model: str, *, queued: bool) -> None:
        """A job has come, after which somebody waits, or nobody."""
        share = self._share.get(model, 0.0)
        self._share[model] = share + (queued - share) / _ARRIVALS

    def caution(self, model: str) -> float:
        """How cautious to be in filling a cache, from 0 to 1: see ``Worker.fits``."""
        share = self._share.get(model, 0.0)
        return 1.0 if share >= self.crowded else share / self.crowded


@dataclass(slots=True)
class Pace:
    """A clock that ticks once in the time for which a typical request is served.

    Waiting counts by it, so that the same ageing suits a fast engine and a slow one.
    """

    mean_seconds: float = USUAL_SECONDS
    _count: int = _BELIEVED
    _turn: float = 0.0
    _last: float | None = None

    def turn(self, arrival: float) -> float:
        """The clock's reading at ``arrival`` (seconds); it never goes back."""
        if self._last is not None and arrival > self._last:
            self._turn += (arrival - self._last) / self.mean_seconds
        self._last = arrival if self._last is None else max(arrival, self._last)
        return self._turn

    def observe(self, seconds: float) -> None:
        """A request has been served for so long, from its dispatch to its end."""
        self._count = min(self._count + 1, REMEMBERED)
        self.mean_seconds += (max(seconds, 1e-3) - self.mean_seconds) / self._count
